"""Warnings about settings that are valid but look unintended.

The rule: a warning never stops anything; it names the variable and the consequence.
"""

from __future__ import annotations

from collections.abc import Iterator

from worker.settings.model import Settings
from worker.settings.templates import parts_of, unused_secrets, urls_of
from worker.settings.values import format_duration

LEAST_TOKEN_CHARACTERS = 16
"""A shorter console token could be guessed."""


def warnings(settings: Settings) -> list[str]:
    """One line for each setting that looks unintended."""
    return [
        *settings.warnings,
        *_no_click(settings),
        *_unused(settings),
        *_unencrypted(settings),
        *_short_drain(settings),
        *_unreached_delays(settings),
        *_late(settings),
        *_short_token(settings),
    ]


def _no_click(settings: Settings) -> Iterator[str]:
    for variable, parts in parts_of(settings.destination).items():
        if all(macro.name != "click_id" for macro in parts.macros):
            yield f"{variable}: has no {{click_id}}: the partner can't tell which click converted"


def _unused(settings: Settings) -> Iterator[str]:
    if settings.is_of_several:  # a common setting need not be used by every destination
        return
    for variable in unused_secrets(settings.destination):
        yield f"{variable}: is named by no template"


def _unencrypted(settings: Settings) -> Iterator[str]:
    for variable, url in urls_of(settings.destination).items():
        if url.startswith("http:"):
            yield f"{variable}: http:// sends click ids and headers in the clear"


def _short_drain(settings: Settings) -> Iterator[str]:
    if settings.drain_timeout < settings.destination.timeout:
        yield (
            "POSTBACK_DRAIN_TIMEOUT: is shorter than POSTBACK_DESTINATION__TIMEOUT; "
            "an attempt cut off at shutdown is made again"
        )


def _unreached_delays(settings: Settings) -> Iterator[str]:
    unreached = settings.tiers[settings.retry.max_attempts - 1 :]
    if unreached:
        labels = ",".join(tier.label for tier in unreached)
        yield (
            f"POSTBACK_RETRY__MAX_ATTEMPTS: {settings.retry.max_attempts} attempts reach {labels} of "
            "POSTBACK_RETRY__DELAYS only where the partner's Retry-After asks for it"
        )


def _late(settings: Settings) -> Iterator[str]:
    retries = settings.retry.max_attempts - 1
    tiers = settings.tiers[:retries]
    total = sum(tier.seconds for tier in tiers) + (retries - len(tiers)) * settings.tiers[-1].seconds
    window = settings.retry.window
    if total > window:
        yield (
            f"POSTBACK_RETRY__MAX_ATTEMPTS: the delays add up to {format_duration(total)}, more than "
            f"POSTBACK_RETRY__WINDOW ({format_duration(window)}); the last attempts are never made"
        )


def _short_token(settings: Settings) -> Iterator[str]:
    token = settings.console.token
    if token is not None and len(token.get_secret_value()) < LEAST_TOKEN_CHARACTERS:
        yield (
            f"POSTBACK_CONSOLE__TOKEN: is shorter than {LEAST_TOKEN_CHARACTERS} characters, "
            "and so may be guessed"
        )
