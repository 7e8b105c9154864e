"""Reads the settings that are templates: URLs, body, headers, and the secrets in them.

The rule: a message says what is wrong and what would be right, and never repeats a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, SecretStr

from worker.core.masking import MASK
from worker.core.request_headers import is_utf8
from worker.core.templates import HeaderTemplate, TemplateError, UrlTemplate
from worker.settings.values import ValueKind, absent

_SECRET_NAME = re.compile(r"[a-z0-9_]{1,64}")


def _template(text: str) -> str:
    UrlTemplate.parse(text)
    return text


def header_name(name: str) -> str:
    """`X_TOKEN` or `x-token` as the header `X-Token`."""
    return "-".join(word.capitalize() for word in re.split("[_-]", name))


def _headers(given: Mapping[str, SecretStr]) -> Mapping[str, SecretStr]:
    lines = []
    for key, value in given.items():
        try:
            HeaderTemplate.parse(header_name(key), value.get_secret_value())
        except TemplateError as error:
            lines.append(f"POSTBACK_DESTINATION__HEADERS__{key.upper()}: {error}")
    if lines:
        raise ValueError("\n".join(lines))
    return {header_name(key): value for key, value in given.items()}


def _secrets(given: Mapping[str, SecretStr]) -> Mapping[str, SecretStr]:
    lines = [
        f"POSTBACK_DESTINATION__SECRETS__{key.upper()}: {problem}"
        for key, value in given.items()
        if (problem := _secret_problem(key, value.get_secret_value()))
    ]
    if lines:
        raise ValueError("\n".join(lines))
    return {secret_name(key): value for key, value in given.items()}


def _secret_problem(key: str, value: str) -> str | None:
    """The problem with a secret, without its value."""
    if not _SECRET_NAME.fullmatch(secret_name(key)):
        return f"{key!r} must be 1 to 64 of letters, digits and _, as in {{secret.token}}"
    if not value or not is_utf8(value):
        return "must be text in UTF-8, and not empty"
    return None


def secret_name(key: str) -> str:
    """`API_KEY` or `api-key` as `api_key`, its name in a macro."""
    return key.lower().replace("-", "_")


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


Url = Annotated[str, AfterValidator(_template), ValueKind("URL template")]
OneUrl = Annotated[
    Annotated[str, AfterValidator(_template)] | None,
    BeforeValidator(absent),
    ValueKind("URL template", lambda url: url or ""),
]
Method = Annotated[Literal["GET", "POST", "PUT"], BeforeValidator(_upper), ValueKind("`GET`, `POST`, `PUT`")]
Body = Annotated[str | None, BeforeValidator(absent), ValueKind("body template", lambda body: body or "")]
Secrets = Annotated[
    Mapping[str, SecretStr], AfterValidator(_secrets), ValueKind("text (secret)", lambda _: MASK)
]
RequestHeaders = Annotated[
    Mapping[str, SecretStr], AfterValidator(_headers), ValueKind("text (secret)", lambda _: MASK)
]
