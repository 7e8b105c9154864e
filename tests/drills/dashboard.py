"""Whether each query of the dashboard has had a value: one that never has shows nothing to anybody."""

from __future__ import annotations

import time

from tests.deploy.files import dashboard_expressions
from tests.drills import compressing
from tests.drills.prometheus import Prometheus


def without_value(prometheus: Prometheus, factor: int, since: float) -> list[str]:
    """The queries that gave nothing since a time (epoch seconds), in all that was played."""
    now = time.time()
    return [
        text
        for text in dashboard_expressions()
        if not prometheus.between(compressing.query(text, factor), since, now)
    ]
