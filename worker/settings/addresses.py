"""Settings that are addresses: where to listen, the brokers, a proxy.

The rule: a port that no machine has is refused here, because a client library may take another in its place.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, SecretStr

from worker.core.hosts import NAME, is_host
from worker.core.masking import MASK
from worker.settings.proxy_login import login_problem
from worker.settings.values import ValueKind, absent

PLACE = (
    rf"({NAME}|\[[0-9A-Fa-f:.]+\])"
    r"(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?"
)
"""The form of a host with a port from 1 to 65535, which may be left out."""

_SERVER = re.compile(rf"([A-Za-z_]+://)?{PLACE}")
_PROXY = re.compile(rf"http://((?P<login>[!-.0-9:-?A-~]+)@)?{PLACE}/?")


def _host(text: str) -> str:
    if not is_host(text):
        raise ValueError("must be a host name or an IP address")
    return text


def _proxy(value: SecretStr) -> SecretStr:
    found = _PROXY.fullmatch(value.get_secret_value())
    if found is None:
        raise ValueError("must be an HTTP proxy's URL: http://[user:password@]host:port")
    problem = login_problem(found["login"] or "")
    if problem is not None:
        raise ValueError(problem)
    return value


def _servers(text: str) -> str:
    servers = [server.strip() for server in text.split(",")]
    if not all(_SERVER.fullmatch(server) for server in servers):
        raise ValueError("must be host:port, with commas between several; a port is 1 to 65535")
    return ",".join(servers)


def _show_proxy(value: SecretStr | None) -> str:
    if value is None:
        return ""
    userinfo, at, rest = value.get_secret_value().rpartition("@")
    return f"http://{MASK}@{rest}" if at and userinfo else value.get_secret_value()


Proxy = Annotated[
    Annotated[SecretStr, AfterValidator(_proxy)] | None,
    BeforeValidator(absent),
    ValueKind("URL (secret)", _show_proxy),
]
Host = Annotated[str, AfterValidator(_host), ValueKind("address")]
Servers = Annotated[str, AfterValidator(_servers), ValueKind("host:port list")]
