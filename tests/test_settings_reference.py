"""The reference of all settings: defaults, and what is effective."""

from __future__ import annotations

from tests.support.settings import DESTINATION, read
from worker.settings import Deployment, describe, effective

# Fixed: what users and dashboards rely on.
DEFAULTS = {
    "POSTBACK_KAFKA__BOOTSTRAP_SERVERS": "localhost:9092",
    "POSTBACK_KAFKA__TOPIC": "conversions",
    "POSTBACK_KAFKA__START": "earliest",
    "POSTBACK_KAFKA__SKIP": "",
    "POSTBACK_KAFKA__GROUP_ID": "postback-worker",
    "POSTBACK_KAFKA__PROPERTIES__NAME": "",
    "POSTBACK_DESTINATION__NAME": "momentscience",
    "POSTBACK_DESTINATION__SIMPLE_URL": "https://track.momentscience.com/postback?click_id={click_id}",
    "POSTBACK_DESTINATION__EVENT_URL": "https://track.momentscience.com/postback?measurement=1"
    "&click_id={click_id}&event={event}&payout={payout}",
    "POSTBACK_DESTINATION__CURRENCIES": "USD",
    "POSTBACK_DESTINATION__TIMEOUT": "10s",
    "POSTBACK_DESTINATION__CONCURRENCY": "256",
    "POSTBACK_DESTINATION__TRANSPORT": "direct",
    "POSTBACK_DESTINATION__PROXY": "",
    "POSTBACK_DESTINATION__RATE": "",
    "POSTBACK_DESTINATION__SUCCESS_STATUSES": "200",
    "POSTBACK_DESTINATION__TERMINAL_STATUSES": "",
    "POSTBACK_DESTINATION__RECORDED_BODY": "",
    "POSTBACK_DESTINATION__TERMINAL_BODY": "",
    "POSTBACK_DESTINATION__REJECT_BODY": "",
    "POSTBACK_DESTINATION__HEADERS__NAME": "",
    "POSTBACK_DESTINATION__URL": "",
    "POSTBACK_DESTINATION__METHOD": "GET",
    "POSTBACK_DESTINATION__BODY": "",
    "POSTBACK_DESTINATION__CONTENT_TYPE": "application/json",
    "POSTBACK_DESTINATION__SECRETS__NAME": "",
    "POSTBACK_DESTINATION__ALLOW_PRIVATE_ADDRESSES": "false",
    "POSTBACK_DESTINATION__CA_FILE": "",
    "POSTBACK_DESTINATION__CERT_FILE": "",
    "POSTBACK_DESTINATION__KEY_FILE": "",
    "POSTBACK_RETRY__DELAYS": "10s,1m,5m,30m,2h,6h,24h",
    "POSTBACK_RETRY__MAX_ATTEMPTS": "12",
    "POSTBACK_RETRY__WINDOW": "30d",
    "POSTBACK_MAX_OUTSTANDING": "1000",
    "POSTBACK_MAX_HELD_BYTES": "64MB",
    "POSTBACK_DRAIN_TIMEOUT": "25s",
    "POSTBACK_CIRCUIT__WINDOW": "10s",
    "POSTBACK_CIRCUIT__FAILURE_SHARE": "0.5",
    "POSTBACK_CIRCUIT__MIN_FAILURES": "10",
    "POSTBACK_CIRCUIT__PROBE_PAUSE": "1s",
    "POSTBACK_CIRCUIT__PROBE_PAUSE_MAX": "30s",
    "POSTBACK_JOURNAL__ENABLED": "true",
    "POSTBACK_JOURNAL__BODIES": "true",
    "POSTBACK_JOURNAL__DEDUP_WINDOW": "24h",
    "POSTBACK_JOURNAL__DEDUP_MOST": "1000000",
    "POSTBACK_JOURNAL__CACHE_DIR": "",
    "POSTBACK_HTTP__HOST": "127.0.0.1",
    "POSTBACK_HTTP__PORT": "8080",
    "POSTBACK_LOG__FORMAT": "auto",
    "POSTBACK_LOG__LEVEL": "info",
    "POSTBACK_CONSOLE__HOST": "127.0.0.1",
    "POSTBACK_CONSOLE__PORT": "8081",
    "POSTBACK_CONSOLE__TOKEN": "",
    "POSTBACK_CONSOLE__ALLOW_ACTIONS": "false",
    "POSTBACK_CONSOLE__BASE_PATH": "/",
    "POSTBACK_TRACING__ENDPOINT": "",
    "POSTBACK_TRACING__SAMPLE": "0.01",
    **dict.fromkeys(
        (
            f"POSTBACK_DESTINATIONS__NAME__{name}"
            for name in ("…", "RETRY__…", "CIRCUIT__…", "GROUP_ID", "MAX_OUTSTANDING", "WHEN__FIELD")
        ),
        "",
    ),
    "POSTBACK_CONFIG": "",
    "POSTBACK_SECRETS_DIR": "/run/secrets",
}


def test_reference() -> None:
    """The reference names every variable with its default, and each has a type and a meaning."""
    rows = describe()
    assert {row.variable: row.default for row in rows} == DEFAULTS
    assert all(row.type and row.meaning for row in rows)


def test_reference_can_be_set() -> None:
    """Every default of the reference, given as a variable, is taken and changes nothing."""
    given_all = {name: text for name, text in DEFAULTS.items() if text and "SECRETS" not in name}
    assert dict(read(given_all)) == dict(read({}))


def test_effective_reads_back() -> None:
    """The values in effect, given as variables, make the same settings."""
    settings = read(
        {
            f"{DESTINATION}TIMEOUT": "1500ms",
            f"{DESTINATION}RATE": "12.5",
            f"{DESTINATION}TERMINAL_STATUSES": "410, 400",
            f"{DESTINATION}REJECT_BODY": "(?i)err.r é",
            "POSTBACK_KAFKA__PROPERTIES__LINGER_MS": "3",
        }
    )
    assert (
        read({row.variable: row.value for row in effective(Deployment.of(settings))}).model_dump()
        == settings.model_dump()
    )
