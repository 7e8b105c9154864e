"""The senders pass the contract: both transports on a real partner, and the fake that other tests use."""

from __future__ import annotations

import pytest

from tests.adapters.http.contract import Bench, SenderContract
from tests.adapters.http.world import PartnerBench, World
from tests.fakes import FakeSender
from worker.core.answer import Answer, Content, HttpOrigin, Request


class FakeBench:
    """The contract's bench on the fake."""

    def __init__(self) -> None:
        self.sender = FakeSender()
        self.origin = HttpOrigin("https", "partner.example", 443)

    @property
    def targets(self) -> list[str]:
        return self.sender.targets

    @property
    def contents(self) -> list[Content]:
        return [Content(request.method, request.headers, request.body) for request in self.sender.requests]

    @property
    def tokens(self) -> list[str]:
        return [sent["X-Token"] for sent in self.sender.sent_headers]

    def will(self, *answers: Answer) -> None:
        waiting = list(answers)

        def answer(_: Request) -> Answer:
            return waiting.pop(0) if len(waiting) > 1 else waiting[0]

        self.sender.answer = answer


class TestTransports(SenderContract):
    @pytest.fixture
    async def bench(self, world: World) -> Bench:
        return await PartnerBench.start(world)


class TestFake(SenderContract):
    @pytest.fixture
    async def bench(self) -> Bench:
        return FakeBench()
