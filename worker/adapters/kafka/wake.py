"""Wakes a client's threads, so that a resumed partition is read at once.

librdkafka (2.16) has a thread for each broker. Where all partitions that it reads there are paused, that
thread sleeps for up to a second, and a resume does not wake it: a worker with one partition on a broker would
stand still for most of a second after each pause. What does wake it is that the client is given a user and
password (`rd_kafka_sasl_set_credentials`).
The rule: it is given those that it has, so that nothing else changes.
"""

from __future__ import annotations

from confluent_kafka import Consumer

from worker.adapters.kafka.config import Config

_UNUSED = "", ""


def wake(consumer: Consumer, config: Config) -> None:
    """Have a client of this configuration look at once at what it is to read; it never waits.

    Does nothing for a login whose user is not in the configuration, such as Kerberos: its client wakes within
    a second.
    """
    if (login := _login(config.copy())) is not None:  # a copy, because another thread may renew it just now
        consumer.set_sasl_credentials(*login)


def _login(config: Config) -> tuple[str, str] | None:
    """The user and password that a client has; None if it is unknown whom it takes for its user."""
    if "sasl.username" in config and "sasl.password" in config:
        return str(config["sasl.username"]), str(config["sasl.password"])
    uses_sasl = str(config.get("security.protocol", "")).lower().startswith("sasl")
    mechanism = str(config.get("sasl.mechanism", config.get("sasl.mechanisms", ""))).upper()
    return None if uses_sasl and mechanism != "OAUTHBEARER" else _UNUSED
