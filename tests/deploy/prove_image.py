"""Builds the image from the last commit and proves that it does the job.

`python -m tests.deploy.prove_image` takes root, Debian's buildah and debootstrap, and about two minutes; no
container engine and no registry of images. It exits 0 when every line that it prints holds.
"""

from __future__ import annotations

import http.server
import os
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

from schemas import Click
from tests.deploy.container import Container, first_process
from tests.deploy.debian_base import buildah, ensure_base, missing
from tests.deploy.files import ROOT
from tests.support.broker import Broker
from tests.support.kafka import create_topics, wait_until
from tests.support.ports import free_port

IMAGE = "localhost/postback-worker:proof"
# The registry's certificate may be signed by this machine's own authority, which the base does not know.
CERTIFICATES = "/etc/ssl/certs:/etc/ssl/certs:ro"
EVENTS = 500
SEEN: list[str] = []


class Partner(http.server.BaseHTTPRequestHandler):
    """Records every postback in SEEN."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        SEEN.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(http.server.ThreadingHTTPServer):
    """Takes as many connections at once as the worker may open; the usual five would drop some."""

    request_queue_size = 512


def claim(sentence: str, holds: bool, seen: object = "") -> None:
    """Print a sentence that must be true; end with what was seen instead where it is not."""
    if not holds:
        sys.exit(f"NOT TRUE: {sentence}\n{seen}")
    print(f"ok  {sentence}")


def build() -> None:
    """Build the image from a clean clone of the last commit."""
    base = ensure_base()
    with tempfile.TemporaryDirectory(prefix="clone-") as clone:
        subprocess.run(["git", "clone", "--quiet", "--depth=1", f"file://{ROOT}", clone], check=True)
        options = ["--format", "docker", "--pull-never", "--layers", "--volume", CERTIFICATES]
        buildah("build", *options, "--build-arg", f"BASE={base}", "--tag", IMAGE, clone)
    size, base_size = (buildah("images", "--format", "{{.Size}}", name) for name in (IMAGE, base))
    claim(f"it builds from a clean clone: {size}, of which the base has {base_size}", holds=True)


def prove_commands(container: Container) -> None:
    """The image runs as nobody in particular, can write nothing, and knows its settings."""
    user = container.shell("id -u; touch /x /tmp/x /opt/venv/x 2>/dev/null; grep -h CapEff /proc/self/status")
    claim("it runs as user 10001 with no capability", user.split() == ["10001", "CapEff:", "0" * 16], user)
    version = container.run("--version")
    claim(f"{version.stdout.strip()}", version.returncode == 0, version)
    check = container.run("config", "check")
    claim("config check finds nothing wrong", check.returncode == 0, check)
    wrong = container.run("--set", "kafka.topik=x", "config", "check")
    claim("a wrong setting ends with exit 2", wrong.returncode == 2, wrong)
    health = container.run("healthcheck")
    claim("healthcheck exits 1 while no worker runs", health.returncode == 1, health)


def prove_work(container: Container, port: int) -> None:
    """The image makes the topics, delivers every conversion, and drains on SIGTERM."""
    topics = container.run("topics", "create")
    claim("topics create makes the topics", topics.returncode == 0, topics.stdout)
    published = container.run("publish", "-", given=_conversions())
    claim(f"publish takes {EVENTS} conversions", published.returncode == 0, published.stdout)
    with tempfile.TemporaryFile("w+") as log:
        worker = container.start("run", stdout=log)
        try:
            _prove_worker(container, port, worker)
        except AssertionError as failed:
            log.seek(0)
            sys.exit(f"NOT TRUE: {failed}\n{log.read()}")
        finally:
            worker.kill()


def _prove_worker(container: Container, port: int, worker: subprocess.Popen[str]) -> None:
    wait_until("the worker is ready", lambda: _ready(port))
    wait_until("every conversion is delivered", lambda: len(set(SEEN)) == EVENTS)
    claim("the worker delivers every conversion, each once", len(SEEN) == EVENTS)
    health = container.run("healthcheck")
    claim("healthcheck exits 0 while it runs", health.returncode == 0, health)
    process = first_process(worker)
    claim(f"it is PID 1, with {_memory(process)} MB resident", process > 0)
    os.kill(process, signal.SIGTERM)
    code = worker.wait(60)
    claim("SIGTERM drains it and it exits 0", code == 0, code)


def _conversions() -> str:
    now = datetime.now(UTC)
    clicks = (Click(click_id=f"click-{number}", clicked_at=now) for number in range(EVENTS))
    return "".join(click.conversion(at=now).to_json().decode() + "\n" for click in clicks)


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2):
            return True
    except OSError:
        return False


def _memory(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text("ascii")
    return int(status.split("VmRSS:")[1].split()[0]) // 1024


def main() -> None:
    """Build, then prove."""
    if problem := missing():
        sys.exit(f"can't build an image here: {problem}")
    build()
    partner = Server(("127.0.0.1", 0), Partner)
    threading.Thread(target=partner.serve_forever, daemon=True).start()
    port = free_port()
    with Broker() as broker:
        create_topics(broker.bootstrap, {"conversions": 2})
        settings = {
            "POSTBACK_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap,
            "POSTBACK_HTTP__PORT": str(port),
            "POSTBACK_DESTINATION__SIMPLE_URL": f"http://127.0.0.1:{partner.server_port}/?click={{click_id}}",
            "POSTBACK_DESTINATION__EVENT_URL": f"http://127.0.0.1:{partner.server_port}/?click={{click_id}}",
            "POSTBACK_DESTINATION__ALLOW_PRIVATE_ADDRESSES": "true",
        }
        with Container(IMAGE, settings) as container:
            prove_commands(container)
            prove_work(container, port)
    partner.shutdown()


if __name__ == "__main__":
    main()
