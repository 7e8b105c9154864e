"""The librdkafka properties among the settings, checked by librdkafka itself.

The rule: the worker refuses to start with an unknown property, a wrong value, or one that it sets itself.
"""

from __future__ import annotations

import ctypes
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Annotated

from pydantic import AfterValidator

from worker.core.masking import MASK
from worker.core.request_headers import is_utf8
from worker.settings.values import ValueKind

VARIABLE = "POSTBACK_KAFKA__PROPERTIES__"

_COMMITS = "the worker alone commits, after a record's ending"
_ACKNOWLEDGED = "a record handed on must be acknowledged by every replica"
_AWAITED = "a record handed on is awaited: given up it may be there all the same, and would be sent twice"
_SERVERS = "set POSTBACK_KAFKA__BOOTSTRAP_SERVERS"
_GROUP = "set POSTBACK_KAFKA__GROUP_ID"

OWNED: Mapping[str, str] = MappingProxyType(
    {
        "bootstrap.servers": _SERVERS,
        "metadata.broker.list": _SERVERS,
        "test.mock.num.brokers": "it would replace the brokers by an empty simulation",
        "group.id": _GROUP,
        "enable.auto.commit": _COMMITS,
        "auto.commit.enable": _COMMITS,
        "auto.commit.interval.ms": _COMMITS,
        "enable.auto.offset.store": _COMMITS,
        "offset.store.method": _COMMITS,
        "offset.store.path": _COMMITS,
        "offset.store.sync.interval.ms": _COMMITS,
        "auto.offset.reset": "set POSTBACK_KAFKA__START, which counts on the group's first day alone",
        "group.protocol.type": _GROUP,
        "enable.partition.eof": "the worker expects records alone",
        "acks": _ACKNOWLEDGED,
        "request.required.acks": _ACKNOWLEDGED,
        "enable.idempotence": _ACKNOWLEDGED,
        "enable.gapless.guarantee": _ACKNOWLEDGED,
        "delivery.report.only.error": _ACKNOWLEDGED,
        "produce.offset.report": _ACKNOWLEDGED,
        "delivery.timeout.ms": _AWAITED,
        "message.timeout.ms": _AWAITED,
        "message.send.max.retries": _AWAITED,
        "retries": _AWAITED,
        "transactional.id": "the worker does not use transactions",
        "transaction.timeout.ms": "the worker does not use transactions",
        "logger": "it is an object of the client library, not a property",
        "default.topic.config": "name its properties directly",
        "allow.auto.create.topics": "no topic is made by accident; see `postback-worker topics create`",
    }
)

SESSION_TIMEOUT_MS = "15000"
"""The worker's own default; the other properties are checked together with it."""

_SECRET = re.compile(r"password|secret|token|jaas|key|pem|credential|oauthbearer\.config|kinit\.cmd")
_WRONG = re.compile(r'KafkaError\{.*?str="(.*)"\}', re.DOTALL)
# librdkafka itself reads the beginning of a number, in C's notations: `10s` as 10, `010` as 8.
_NUMBERS = {
    "Integer": (re.compile("-?(0|[1-9][0-9]*)"), "a whole number, without a unit"),
    "Float": (re.compile(r"(0|[1-9][0-9]*)(\.[0-9]+)?"), "a number, without a unit"),
}
_CREATE = re.compile("^Failed to create (consumer|producer): ")
_UNKNOWN = "No such configuration property"
# librdkafka refuses this last one after it accepted the rest: they are checked, and no client is made.
_STOP = "postback.stop"
_GROUP_ID = {"group.id": "check"}  # no consumer without one
_IDEMPOTENT = {"enable.idempotence": "true"}  # as each of the worker's producers is
# With these, librdkafka starts kinit or fetches a token as soon as a client exists.
_STARTS_WORK = ("GSSAPI", "OAUTHBEARER")


NAMED_LIKE_FILES = frozenset(
    {
        "sasl.oauthbearer.assertion.file",
        "sasl.oauthbearer.assertion.jwt.template.file",
        "sasl.oauthbearer.assertion.private.key.file",
    }
)
"""The properties whose own names end as a variable does that names a value's file."""

FILE_PROPERTIES = (
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.key.location",
    "ssl.crl.location",
    "ssl.keystore.location",
    "sasl.oauthbearer.assertion.private.key.file",
)
"""The properties that name a file used to log in."""


def property_name(key: str) -> str:
    """Turn `SASL_MECHANISM` or `sasl.mechanism` into librdkafka's spelling."""
    return key.lower().replace("_", ".")


def is_secret(name: str) -> bool:
    """Whether the value of this property must not be shown."""
    return _SECRET.search(name) is not None


def _check(given: Mapping[str, str]) -> Mapping[str, str]:
    properties = {property_name(key): value for key, value in given.items()}
    problems = [line for name, value in properties.items() for line in _problems(name, value)]
    if properties and not problems:
        problems = problems_together(properties)
    if problems:
        raise ValueError("\n".join(problems))
    return properties


def _problems(name: str, value: str) -> list[str]:
    variable = VARIABLE + name.replace(".", "_").upper()
    if name in OWNED:
        return [f"{variable}: {name} cannot be set here: {OWNED[name]}"]
    if not is_utf8(name + value) or "\0" in name + value:
        return [f"{variable}: must be text in UTF-8, without NUL"]
    wrong = _refusal({**_GROUP_ID, name: value, _STOP: ""})
    if wrong is None or _STOP in wrong:
        number = _number_wanted(name, value)
        return [f"{variable}: must be {number} ({value!r})"] if number else []
    if _UNKNOWN in wrong:
        return [f"{variable}: librdkafka has no property {name}{_nearest(name)}"]
    return [f"{variable}: {wrong.replace(value, MASK) if value and is_secret(name) else wrong}"]


def _number_wanted(name: str, value: str) -> str | None:
    """The kind of number that a property takes, if it takes one and the value is none as people write it."""
    empty = _refusal({**_GROUP_ID, name: "", _STOP: ""}) or ""
    form, words = _NUMBERS.get(empty.partition(" ")[0], (None, ""))
    return None if form is None or form.fullmatch(value.strip()) else words


def problems_together(properties: Mapping[str, str]) -> list[str]:
    """What librdkafka says about the properties together (such as SASL without a user)."""
    mechanism = properties.get("sasl.mechanism", properties.get("sasl.mechanisms", "GSSAPI")).upper()
    if "sasl" in properties.get("security.protocol", "").lower() and mechanism in _STARTS_WORK:
        return []
    new_protocol = properties.get("group.protocol", "").lower() == "consumer"
    ours = {} if new_protocol else {"session.timeout.ms": SESSION_TIMEOUT_MS}
    quiet = {name: value for name, value in properties.items() if name != "debug"}
    wrong = _refusal({**_GROUP_ID, **ours, **quiet, "log_level": "0"})
    if wrong is None:
        wrong = _producers_refusal({**quiet, **_IDEMPOTENT, "log_level": "0"})
    return [] if wrong is None else [f"{VARIABLE}…: {_CREATE.sub('', wrong)}"]


def _refusal(properties: Mapping[str, str]) -> str | None:
    """Why librdkafka refuses these properties of a consumer; None if it accepts them."""
    from confluent_kafka import Consumer

    return _said(lambda: Consumer(dict(properties)).close())


def _producers_refusal(properties: Mapping[str, str]) -> str | None:
    """The same of a producer."""
    from confluent_kafka import Producer

    return _said(lambda: Producer(dict(properties)).flush(0))


def _said(make: Callable[[], object]) -> str | None:
    """What librdkafka says against making a client; None if it makes one."""
    from confluent_kafka import KafkaException

    try:
        make()
    except KafkaException as error:
        text = str(error.args[0])
        match = _WRONG.search(text)
        return (match[1] if match else text).strip()
    return None


def _nearest(name: str) -> str:
    try:
        close = get_close_matches(name, _known(), n=1)
    except OSError:  # nowhere to write, so there is no hint
        return ""
    return f"; did you mean {close[0]}?" if close else ""


def _known() -> list[str]:
    """Every property that the loaded library documents; none, and so no hint, if it hides its symbols."""
    import confluent_kafka.cimpl

    libc = ctypes.CDLL(None)
    libc.fopen.restype = ctypes.c_void_p
    with tempfile.NamedTemporaryFile() as table:
        try:
            show = ctypes.CDLL(confluent_kafka.cimpl.__file__).rd_kafka_conf_properties_show
        except AttributeError:
            return []
        stream = ctypes.c_void_p(libc.fopen(os.fsencode(table.name), b"w"))
        show(stream)
        libc.fclose(stream)
        rows = table.read().decode().splitlines()
    return [row.split("|")[0].strip() for row in rows if "." in row.split("|")[0]]


Properties = Annotated[Mapping[str, str], AfterValidator(_check), ValueKind("text")]
