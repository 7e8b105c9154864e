"""Templates of one URL, compiled: what most suites need of a destination."""

from __future__ import annotations

from worker.core.templates import CompiledRequest, RequestTemplates, UrlTemplate, compile_request


def template(url: str, **secrets: str) -> CompiledRequest:
    """Return what makes a GET of this URL template."""
    return compile_request(RequestTemplates(UrlTemplate.parse(url)), secrets)
