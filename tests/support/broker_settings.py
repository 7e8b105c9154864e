"""The settings of a test's broker: everything on one node, quick group changes, no topic by accident."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "num.partitions": "1",
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "broker.session.timeout.ms": "2000",  # how long a killed broker's successor has to wait
    "broker.heartbeat.interval.ms": "500",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "group.consumer.min.session.timeout.ms": "1000",
    "group.consumer.session.timeout.ms": "6000",
    "group.consumer.min.heartbeat.interval.ms": "100",
    "group.consumer.heartbeat.interval.ms": "500",
}

LOGGING = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %p %c{1} %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""


def write_settings(data: Path, address: str, controller: str, extra: Mapping[str, str]) -> None:
    """Write `server.properties` and `log4j2.properties` into `data`; `extra` wins over what is here."""
    data.mkdir(parents=True, exist_ok=True)
    properties = {
        **PROPERTIES,
        "listeners": f"PLAINTEXT://{address},CONTROLLER://{controller}",
        "controller.quorum.bootstrap.servers": controller,
        "log.dirs": str(data / "log"),
        **extra,
    }
    lines = (f"{name}={value}\n" for name, value in properties.items())
    (data / "server.properties").write_text("".join(lines), "utf-8")
    (data / "log4j2.properties").write_text(LOGGING, "utf-8")
