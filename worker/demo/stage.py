"""The settings of the demonstration's worker: two destinations, an embedded broker and two networks.

The rule: the user's own settings are never read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from worker.adapters.process.descriptors import room_for_requests
from worker.demo.events import FALLBACK, NETWORKS, OTHER
from worker.settings import Deployment, load_all
from worker.settings.variable_names import SECRETS_DIR

NO_SETTINGS = Path(__file__).parent  # a folder that is there wherever the program is, and holds no setting
MOST_IN_FLIGHT = 256  # of both; each takes two descriptors: the worker's and the network's
# The embedded broker can delay a group for nearly as long if its members join at an unlucky moment.
SESSION_TIMEOUT_MS = "6000"
# It forgets a member whose session ends while that joins, and never answers it: the client asks anew after
# this time, with which it bounds a join.
MAX_POLL_INTERVAL_MS, DRAIN_TIMEOUT = "15000", "10s"


def deployment_of(bootstrap: str, ports: Mapping[str, int]) -> Deployment:
    """Make the deployment: one takes the events that name it, the other the rest. `ports` are theirs."""
    overrides = {
        "kafka.bootstrap_servers": bootstrap,
        "kafka.properties": {
            "session.timeout.ms": SESSION_TIMEOUT_MS,
            "max.poll.interval.ms": MAX_POLL_INTERVAL_MS,
        },
        "drain_timeout": DRAIN_TIMEOUT,
        "destination.concurrency": _concurrency(),
        "destination.timeout": "1s",
        "destination.allow_private_addresses": True,
        f"destinations.{FALLBACK}.simple_url": _url(ports[FALLBACK], "click_id={click_id}"),
        f"destinations.{FALLBACK}.event_url": _url(
            ports[FALLBACK], "measurement=1&click_id={click_id}&event={event}&payout={payout}"
        ),
        f"destinations.{OTHER}.url": _url(ports[OTHER], "cid={click_id}&et={event?}&payout={payout?}"),
        f"destinations.{OTHER}.when.network": OTHER,
        "retry.delays": ["1s", "2s", "3s"],
        "retry.max_attempts": 4,
        "circuit.probe_pause": "300ms",
        "circuit.probe_pause_max": "300ms",
        "http.port": 0,
        "console.port": 0,
        "console.allow_actions": True,
        "log.level": "error",
    }
    return load_all(overrides=overrides, environ={SECRETS_DIR: str(NO_SETTINGS)}, dotenv=NO_SETTINGS / ".env")


def _concurrency() -> int:
    """The most requests in flight to each network."""
    most = min(MOST_IN_FLIGHT, room_for_requests(kafka_servers=1, destinations=len(NETWORKS)) // 2)
    return max(1, most // len(NETWORKS))


def _url(port: int, query: str) -> str:
    return f"http://127.0.0.1:{port}/postback?{query}&event_id={{event_id}}"
