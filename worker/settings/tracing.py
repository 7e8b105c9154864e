"""The settings of tracing: where spans go, and the share of conversions traced.

The rule: without an endpoint, nothing is traced.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from worker.settings.addresses import PLACE
from worker.settings.groups import Group
from worker.settings.values import ValueKind, absent

TRACES_PATH = "/v1/traces"
"""The path at which a collector accepts spans by OTLP."""

_ENDPOINT = re.compile(rf"(?P<base>https?://{PLACE})(?P<path>/[!-\"$->A-~]*)?")


def _endpoint(text: str) -> str:
    """Complete an OTLP endpoint: one without a path is a collector's base URL and gets TRACES_PATH."""
    found = _ENDPOINT.fullmatch(text.strip())
    if found is None:
        raise ValueError("must be a collector's URL, without user name and query: http://host:4318")
    base, path = found["base"], found["path"]
    return base + (path if path and path != "/" else TRACES_PATH)


Endpoint = Annotated[
    Annotated[str, AfterValidator(_endpoint)] | None,
    BeforeValidator(absent),
    ValueKind("URL", lambda url: url or ""),
]


class Tracing(BaseModel):
    """Where spans of sampled conversions are sent; takes the extra `otel`."""

    model_config = Group

    endpoint: Endpoint = Field(
        None,
        description="OTLP endpoint (HTTP) that spans are sent to, such as `http://collector:4318`; none: no "
        "tracing. Takes the extra `otel`",
    )
    sample: Annotated[float, ValueKind("share, 0 to 1")] = Field(
        0.01,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="share of conversions that is traced; where an event's `traceparent` says whether it is, "
        "that counts",
    )
