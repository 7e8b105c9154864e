"""The settings of the console: where it is served, to whom, and whether it may act.

The rule: a console that other machines can reach needs a token.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, SecretStr, model_validator

from worker.core.masking import MASK
from worker.settings.addresses import Host
from worker.settings.groups import Group
from worker.settings.right import right
from worker.settings.values import Flag, ValueKind, absent

_BASE_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*/?")
_PRINTABLE = re.compile(r"[!-~]+")


def is_loopback(host: str) -> bool:
    """Whether an address, or the name `localhost`, can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _base_path(text: str) -> str:
    path = text.strip() or "/"
    if not _BASE_PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
        raise ValueError("must be a path, such as /postback, of letters, digits, . _ ~ and -")
    return path.rstrip("/") or "/"


def _token(value: SecretStr) -> SecretStr:
    if not _PRINTABLE.fullmatch(value.get_secret_value()):
        raise ValueError("must be printable ASCII, without spaces")
    return value


Token = Annotated[
    Annotated[SecretStr, AfterValidator(_token)] | None,
    BeforeValidator(absent),
    ValueKind("text (secret)", lambda token: "" if token is None else MASK),
]


class Console(BaseModel):
    """The page for the person on call: where `postback-worker console` serves it."""

    model_config = Group

    host: Host = Field("127.0.0.1", description="address of the console; beyond loopback it takes `TOKEN`")
    port: Annotated[int, ValueKind("integer, 0 to 65535")] = Field(
        8081, ge=0, le=65535, description="port of the console; 0 takes any free one"
    )
    token: Token = Field(None, description="what has to be given to log in; none: nobody need log in")
    allow_actions: Flag = Field(
        False, description="let the page pause, resume, limit, replay, hurry and cancel; else it only shows"
    )
    base_path: Annotated[str, AfterValidator(_base_path), ValueKind("path")] = Field(
        "/", description="path below which a proxy serves the page"
    )

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.token is not None or is_loopback(self.host):
            return self
        line = (
            f"POSTBACK_CONSOLE__TOKEN: must be set: POSTBACK_CONSOLE__HOST is {self.host}, which others can "
            "reach; or set POSTBACK_CONSOLE__HOST=127.0.0.1"
        )
        return right(self, [line])
