"""Play one incident on a stage, from the quiet before it to the last conversion recorded.

The rule: nothing raises: what could not be played to its end is told as its trouble.
"""

from __future__ import annotations

import time
from pathlib import Path

from tests.drills.incident import Incident, Observed
from tests.drills.page_watch import PageWatch
from tests.drills.prometheus import Prometheus
from tests.drills.stage import FIRES_WITHIN, RECORDED_WITHIN, RESOLVED_WITHIN, Stage
from tests.support.kafka import wait_until

SAYS_WITHIN_SECONDS = 90.0
"""What a command says has its own times, which nothing divides: `status` says `lagging` after a minute."""

LOOK_SECONDS = 0.5

EXPLAINS_WITH = frozenset({0, 1})
"""A command that explains may end with 1: `status` does where not all is well."""


def play(incident: Incident, bootstrap: str, prometheus: Prometheus, folder: Path) -> Observed:
    """Play it; its files are in `folder`, what its commands printed in `commands.txt` there."""
    try:
        with Stage(incident, bootstrap, prometheus, folder) as stage:
            try:
                return _play(stage)
            finally:
                (folder / "commands.txt").write_text("\n".join(stage.outputs), "utf-8")
    except Exception as error:  # any of them is this drill's failure, and no other's
        return Observed({}, trouble=f"{type(error).__name__}: {error}")


def _play(stage: Stage) -> Observed:
    incident, began = stage.incident, time.time()
    watch = PageWatch(stage.page, incident.shows, began)
    trouble = printed = page = ""
    ending = float("inf")
    try:
        incident.begins(stage)
        wait_until(f"{incident.fires} fires", lambda: incident.fires in stage.firing(), FIRES_WITHIN)
        printed = _explained(stage)
        page = _shown(stage)
        watch.end()
        ending = time.time() - began
        if incident.repairs is not None:
            incident.repairs(stage)
        if incident.ends_on_page is not None:
            stage.do_on_page(incident.ends_on_page)
        for command in incident.ends:
            stage.shell(command)
        wait_until(f"{incident.fires} ends", lambda: incident.fires not in stage.firing(), RESOLVED_WITHIN)
        stage.traffic.stop()
        wait_until("all is recorded", lambda: not stage.unrecorded(), RECORDED_WITHIN)
        # Once more: while workers were replaced it may have seemed to end.
        wait_until(f"{incident.fires} ends", lambda: incident.fires not in stage.firing(), RESOLVED_WITHIN)
    except AssertionError as error:
        trouble = str(error)
    finally:
        watch.end()
    fired = stage.fired_since(began)
    resolved = incident.fires not in stage.firing()
    lost = len(stage.unrecorded())
    return Observed(fired, printed, stage.failed, resolved, lost, ending, page, watch.shown, trouble)


def _explained(stage: Stage) -> str:
    """What the explaining commands print, once they say what they should, or in the end."""
    until, before = time.monotonic() + SAYS_WITHIN_SECONDS, len(stage.outputs)
    while True:
        del stage.outputs[before:]
        printed = "\n".join(stage.shell(one, codes=EXPLAINS_WITH) for one in stage.incident.explains)
        if stage.incident.says in printed or time.monotonic() > until:
            return printed


def _shown(stage: Stage) -> str:
    """What the console's page shows, once that is what it should, or in the end."""
    shows, until = stage.incident.shows, time.monotonic() + SAYS_WITHIN_SECONDS
    page = ""
    while shows is not None and shows.text not in page and time.monotonic() < until:
        try:
            page = stage.page(shows.view)
        except OSError as error:
            page = f"the console does not answer: {error}"
        time.sleep(LOOK_SECONDS)
    stage.outputs.append(f"the page, {shows}:\n{page}\n")
    return page
