"""The broker that a session of tests shares: made ready before the clock of a test that needs it runs.

The rule: getting ready fails no test but those that ask for its address, and they hear why.
"""

from __future__ import annotations

from typing import Self

from tests.support.broker import Broker, BrokerFailed
from tests.support.java import BrokerUnavailable
from tests.support.quick_start import prepare

PATIENT = {"broker.session.timeout.ms": "60000"}
"""It is never restarted, so nobody waits for its former session; and where it stood still for some seconds
its controller would take it for lost: leaders and coordinators would begin anew amid a test."""


class SharedBroker:
    """A context manager that ends the broker; one that is `given`, by its address, goes on."""

    def __init__(self, given: str | None = None) -> None:
        self._given = given
        self._broker: Broker | None = None
        self._failed: BrokerUnavailable | BrokerFailed | None = None
        self._is_prepared = False

    def make_ready(self, *, to_start: bool) -> None:
        """Get all that a broker takes, which may be a download; with `to_start` start this one as well."""
        if self._failed is not None:
            return
        try:
            if not self._is_prepared:
                prepare()
                self._is_prepared = True
            if to_start and self._given is None and self._broker is None:
                self._broker = Broker(properties=PATIENT)
                self._broker.start()
        except (BrokerUnavailable, BrokerFailed) as failed:
            self._failed = failed

    @property
    def bootstrap(self) -> str:
        """Its address; raises what kept it from starting. One that nobody has started yet starts now."""
        if self._given is not None:
            return self._given
        self.make_ready(to_start=True)
        if self._failed is not None:
            raise self._failed
        assert self._broker is not None
        return self._broker.bootstrap

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._broker is not None:
            self._broker.close()
