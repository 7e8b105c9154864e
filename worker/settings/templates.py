"""The templates of a destination, parsed for the core, and the problems between them.

The rule: a line names the variable, what is wrong and what would be right, never a secret.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from worker.core.request_headers import header_problem
from worker.core.templates import (
    SECRET,
    BodyTemplate,
    ContentTypeError,
    HeaderTemplate,
    Macro,
    RequestTemplates,
    TemplateError,
    UrlTemplate,
    is_number,
    secret_names,
)

if TYPE_CHECKING:
    from worker.settings.destination import Destination

PREFIX: Final = "POSTBACK_DESTINATION__"
HEADERS: Final = f"{PREFIX}HEADERS__"
RIGHT_FOR_HEADER: Final = "it must be text on one line, without control characters or spaces around it"


def urls_of(destination: Destination) -> dict[str, str]:
    """The URLs in effect, by variable: one for all events, or the simple and the event URL."""
    if destination.url is not None:
        return {f"{PREFIX}URL": destination.url}
    return {f"{PREFIX}SIMPLE_URL": destination.simple_url, f"{PREFIX}EVENT_URL": destination.event_url}


def secrets_of(destination: Destination) -> dict[str, str]:
    """The values for `{secret.NAME}`, by name."""
    return {name: value.get_secret_value() for name, value in destination.secrets.items()}


def parts_of(destination: Destination) -> dict[str, RequestTemplates]:
    """The templates of each URL's request, by the URL's variable."""
    headers, body = tuple(headers_of(destination)), body_of(destination)
    return {
        variable: RequestTemplates(UrlTemplate.parse(url), destination.method, headers, body)
        for variable, url in urls_of(destination).items()
    }


def headers_of(destination: Destination) -> Iterator[HeaderTemplate]:
    """The parsed headers."""
    for name, value in destination.headers.items():
        yield HeaderTemplate.parse(name, value.get_secret_value())


def constant_headers(destination: Destination) -> dict[str, str]:
    """The headers without macros, the same for all events."""
    secrets = secrets_of(destination)
    return {header.name: header.constant(secrets) for header in headers_of(destination) if header.is_constant}


def body_of(destination: Destination) -> BodyTemplate | None:
    """The parsed body, None if there is none. Raises TemplateError."""
    if destination.body is None:
        return None
    return BodyTemplate.parse(destination.body, destination.content_type)


def problems(destination: Destination) -> Iterator[str]:
    """A line for each problem of the templates together."""
    yield from _one_url(destination)
    yield from _body_problems(destination)
    yield from _secret_problems(destination)


def _one_url(destination: Destination) -> Iterator[str]:
    for other in ("simple_url", "event_url"):
        if destination.url is not None and other in destination.model_fields_set:
            yield f"{PREFIX}URL: is for all events, and excludes {PREFIX}{other.upper()}; keep one of them"


def _body_problems(destination: Destination) -> Iterator[str]:
    """Conflicts of method, body and content type, and problems of the body itself."""
    if destination.body is None:
        if destination.content_type != type(destination).model_fields["content_type"].default:
            yield f"{PREFIX}CONTENT_TYPE: takes {PREFIX}BODY"
        return
    if destination.method == "GET":
        yield f"{PREFIX}BODY: a GET has no body; set {PREFIX}METHOD=POST, or PUT"
    if any(name.lower() == "content-type" for name in destination.headers):
        yield f"{HEADERS}CONTENT_TYPE: is set by {PREFIX}CONTENT_TYPE where there is a body; leave it out"
    try:
        body_of(destination)
    except ContentTypeError as error:
        yield f"{PREFIX}CONTENT_TYPE: {error}"
    except TemplateError as error:
        yield f"{PREFIX}BODY: {error}"


def _secret_problems(destination: Destination) -> Iterator[str]:
    """Secrets that templates name but that are missing, or that can't be sent in that place."""
    known = secrets_of(destination)
    for variable, names in _secrets_named(destination):
        for name in names:
            if name not in known:
                yield f"{variable}: has {{secret.{name}}}, which is not set; {_right_secret(name, known)}"
            elif variable.startswith(HEADERS) and header_problem("X", known[name]) is not None:
                yield f"{PREFIX}SECRETS__{name.upper()}: can't be sent in a header: {RIGHT_FOR_HEADER}"
    for macro in _macros_of_body(destination):
        name = macro.name.removeprefix(SECRET)
        if macro.is_secret and macro.is_number and not is_number(known.get(name, "0")):
            yield (
                f"{PREFIX}SECRETS__{name.upper()}: is no number, as {macro.written} in {PREFIX}BODY has to be"
            )


def _right_secret(name: str, known: Mapping[str, str]) -> str:
    """What to do about a missing secret: use another spelling, or set it."""
    spelled = name.lower().replace("-", "_")
    return f"write {{secret.{spelled}}}" if spelled in known else f"set {PREFIX}SECRETS__{spelled.upper()}"


def unused_secrets(destination: Destination) -> Iterator[str]:
    """The variables of secrets that no template names."""
    named = {name for _, names in _secrets_named(destination) for name in names}
    return (f"{PREFIX}SECRETS__{name.upper()}" for name in destination.secrets if name not in named)


def _secrets_named(destination: Destination) -> Iterator[tuple[str, list[str]]]:
    """The variables of templates, and the names of the secrets in each."""
    for variable, url in urls_of(destination).items():
        yield variable, secret_names(UrlTemplate.parse(url).macros)
    for header in headers_of(destination):
        yield HEADERS + header.name.upper().replace("-", "_"), secret_names(header.macros)
    yield f"{PREFIX}BODY", secret_names(_macros_of_body(destination))


def _macros_of_body(destination: Destination) -> list[Macro]:
    """The macros of the body; none if it is wrong, which is reported elsewhere."""
    with suppress(TemplateError):
        body = body_of(destination)
        return [] if body is None else list(body.macros)
    return []
