"""The bytes of a request with a method, headers or a body of its own, rather than a plain GET.

The rule: an event's own headers replace the common ones of the same name, and the length is exact.
"""

from __future__ import annotations

from worker.core.answer import Content


def with_content(target: str, content: Content, tail: str) -> bytes:
    """The whole request; `tail` is what follows the target of a plain GET, with the common headers."""
    method, headers, body = content
    own = {name.lower() for name, _ in headers}
    version, *usual = tail.removesuffix("\r\n\r\n").split("\r\n")
    lines = [line for line in usual if line.partition(":")[0].lower() not in own]
    lines += [f"{name}: {value}" for name, value in headers]
    if body is not None or method != "GET":
        lines.append(f"Content-Length: {len(body or b'')}")
    return "\r\n".join((f"{method} {target}{version}", *lines, "", "")).encode() + (body or b"")
