"""One real Apache Kafka broker as a child process: started, stopped, killed, paused and restarted at will.

The rules: its address and data outlive its process, so that clients find it again after a restart; its
process never outlives ours, however ours ends.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.support.broker_settings import write_settings
from tests.support.java import KAFKA_VERSION, BrokerUnavailable, class_path, java, quick_start_flags
from tests.support.ports import HOST, free_port, listens

CLUSTER_ID = "cG9zdGJhY2std29ya2VyLQ"
STARTED_WITHIN = 180.0  # seconds; it takes 3 on an idle machine, and a minute on one that is overrun
STOPPED_WITHIN = 20.0
JAVA_FLAGS = ("-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Djava.awt.headless=true")

# Reads until our end of the pipe is closed, which the kernel does however we die, then ends the broker.
WATCHDOG = 'while read -r _; do :; done; kill -KILL "$1" 2>/dev/null'


class BrokerFailed(Exception):
    """The broker did not start; the message ends with the tail of its log."""


class Broker:
    """A broker on this machine. `data` defaults to a temporary folder, `port` to a free one.

    `properties` are broker properties of Kafka's own names, over those of `broker_settings`
    (`auto.create.topics.enable` is `false`). As a context manager it starts and stops. One thread at a time.
    """

    alone: Sequence[str] = ("--standalone",)
    """How its storage is made: for a cluster of one, unless it joins another."""

    def __init__(
        self,
        data: Path | None = None,
        *,
        port: int | None = None,
        properties: Mapping[str, str] | None = None,
        java_flags: Sequence[str] = (),
    ) -> None:
        self._temporary = None if data else tempfile.TemporaryDirectory(prefix="kafka-")
        self.data = (data or Path(self._temporary.name if self._temporary else "")).resolve()
        self.port = port or free_port()
        self._controller_port = free_port()
        self.properties = dict(properties or {})
        """Those that were given; what is added counts from the next start on."""
        self._java_flags = java_flags
        self._process: subprocess.Popen[bytes] | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """`host:port`, the same for the life of this object."""
        return f"{HOST}:{self.port}"

    @property
    def controller(self) -> str:
        """`host:port` of its controller."""
        return f"{HOST}:{self._controller_port}"

    @property
    def log_path(self) -> Path:
        """The log of all its runs."""
        return self.data / "server.log"

    @property
    def pid(self) -> int | None:
        """The process, None while there is none."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start on the data that is there and return when clients are answered.

        Raises BrokerUnavailable without Java or jars, BrokerFailed if it ends or does not answer in time.
        """
        if self._process:
            return
        write_settings(self.data, f"{HOST}:{self.port}", self.controller, self.properties)
        if not (self.data / "log" / "meta.properties").exists():
            self._format()
        self._spawn()
        try:
            self._await_answer()
        except BaseException:
            self.kill()
            raise

    def stop(self, within: float = STOPPED_WITHIN) -> None:
        """End it in good order (SIGTERM), or by force after so many seconds; idempotent."""
        if not self._process:
            return
        self.resume()
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(within)
        self.kill()

    def kill(self) -> None:
        """End it at once (SIGKILL), as a lost machine would; idempotent."""
        # The watchdog goes first: it must never aim at a process id that is already free.
        for process in (self._watchdog, self._process):
            if process:
                process.kill()
                process.wait()
        if self._watchdog and self._watchdog.stdin:
            self._watchdog.stdin.close()
        self._watchdog = self._process = None

    def wait(self) -> None:
        """Return when its process has ended by itself."""
        if self._process:
            self._process.wait()

    def restart(self) -> None:
        """Stop in good order, if it runs, and start again: same address, same data."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze it (SIGSTOP): connections stay open, nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Thaw it (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """Stop, and remove the data if it was temporary."""
        self.stop()
        if self._temporary:
            self._temporary.cleanup()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def _signal(self, number: signal.Signals) -> None:
        """Send to this very process; not to its group, nor to one that took over its id."""
        if self._process:
            self._process.send_signal(number)

    def _command(self, main_class: str, *arguments: str, flags: Sequence[str] = ()) -> list[str]:
        """Return the command line of one of Kafka's programs; `flags` are Java's."""
        logging = f"-Dlog4j2.configurationFile={self.data / 'log4j2.properties'}"
        flags = (*JAVA_FLAGS, *quick_start_flags(), *flags)
        return [str(java()), *flags, logging, "-cp", class_path(), main_class, *arguments]

    def _format(self) -> None:
        """Make the empty storage that KRaft wants before a first start."""
        settings = str(self.data / "server.properties")
        command = self._command(
            "kafka.tools.StorageTool", "format", *self.alone, "-t", CLUSTER_ID, "-c", settings
        )
        with self.log_path.open("ab") as log:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False)
        if done.returncode:
            raise BrokerFailed(f"kafka storage format ended with {done.returncode}:\n{self._log_tail()}")

    def _spawn(self) -> None:
        """Start the broker and its watchdog, each in a session of its own: Ctrl-C is ours to handle."""
        settings = str(self.data / "server.properties")
        command = self._command("kafka.Kafka", settings, flags=self._java_flags)
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._watchdog = subprocess.Popen(
            ["/bin/sh", "-c", WATCHDOG, "watchdog", str(self._process.pid)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def _await_answer(self) -> None:
        """Return when a real client gets an answer; raise BrokerFailed if the process ends or time is up."""
        deadline = time.monotonic() + STARTED_WITHIN
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise BrokerFailed(f"Kafka ended while starting:\n{self._log_tail()}")
            if listens(self.port) and _answers(self.bootstrap):
                return
            time.sleep(0.05)
        raise BrokerFailed(f"Kafka did not answer within {STARTED_WITHIN:.0f} s:\n{self._log_tail()}")

    def _log_tail(self) -> str:
        """Return the last lines of the log."""
        return "\n".join(self.log_path.read_text("utf-8", "replace").splitlines()[-25:])


def _answers(bootstrap: str) -> bool:
    """Whether a client gets the cluster's metadata."""
    try:
        return bool(
            AdminClient({"bootstrap.servers": bootstrap, "log_level": 0}).list_topics(timeout=5).brokers
        )
    except KafkaException:
        return False


NEXT = """\
Apache Kafka {version} listens on localhost:{port} (Ctrl-C stops it), with the topic {topic}.
Its data stays in {data} (--fresh wipes it). In another terminal:

  .venv/bin/postback-worker topics create    # the retry and dead-letter topics
  .venv/bin/postback-worker publish FILE     # conversions, one JSON object a line
  .venv/bin/postback-worker run              # sends them to the partner of the settings
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a broker for trying things, until Ctrl-C or SIGTERM; its data stays."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.broker", description=main.__doc__)
    parser.add_argument("--port", type=int, default=9092, help="default 9092")
    parser.add_argument("--data", type=Path, default=Path(".cache/broker"), help="default .cache/broker")
    parser.add_argument("--topic", default="conversions", help="a topic to have; default conversions")
    parser.add_argument("--partitions", type=int, default=4, help="of that topic; default 4")
    parser.add_argument("--fresh", action="store_true", help="wipe the data first")
    options = parser.parse_args(arguments)
    if listens(options.port):
        parser.error(f"localhost:{options.port} is taken; stop what listens there or name another --port")
    if options.fresh:
        shutil.rmtree(options.data, ignore_errors=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _serve(options)
    except KeyboardInterrupt:
        return 0
    except (BrokerUnavailable, BrokerFailed) as error:
        print(error, file=sys.stderr)
        return 1


def _serve(options: argparse.Namespace) -> int:
    """Run the broker until it ends by itself, which is a failure, or we are interrupted."""
    from tests.support.kafka import create_topics

    with Broker(options.data, port=options.port) as broker:
        create_topics(broker.bootstrap, {options.topic: options.partitions}, exist_ok=True)
        print(NEXT.format(version=KAFKA_VERSION, **vars(options)), file=sys.stderr)
        broker.wait()
        raise BrokerFailed(f"Kafka ended by itself; its log: {broker.log_path}")


if __name__ == "__main__":
    sys.exit(main())
