"""Incidents whose cause is at the partner, or between it and us."""

from __future__ import annotations

import time
from collections.abc import Mapping

from tests.drills.incident import BURNS, Incident
from tests.drills.page import Deed, Shown
from tests.drills.partner import ERROR_BODY, PATH, Answer, well
from tests.drills.stage import Stage

CERTIFICATE_SECONDS = 2.0
DAY_SECONDS = 86400.0
REFUSED_OFFER = "closed"


def _leave(stage: Stage) -> None:
    stage.partner.leave()


def _come_back(stage: Stage) -> None:
    stage.partner.come_back()


def _say_error(stage: Stage) -> None:
    stage.partner.way = lambda _: Answer(body=ERROR_BODY)


def _be_well(stage: Stage) -> None:
    stage.partner.way = well


def _deploy_wrong_url(stage: Stage) -> None:
    stage.roll_out(DESTINATION__URL=stage.partner.url.replace(PATH, "/postbak"))


def _deploy_right_url(stage: Stage) -> None:
    stage.roll_out(DESTINATION__URL=stage.partner.url)


def _be_slow(stage: Stage) -> None:
    stage.partner.way = lambda _: Answer(seconds=1.0)


def _deploy_more_lanes(stage: Stage) -> None:
    stage.roll_out(DESTINATION__CONCURRENCY="64")


def _let_expire(stage: Stage) -> None:
    """Have the certificate of today end in a moment; what connects afterwards shows one that has expired."""
    stage.partner.closes = True
    stage.client.renew(days=CERTIFICATE_SECONDS / DAY_SECONDS)
    time.sleep(CERTIFICATE_SECONDS)  # until it has ended: from then on it counts


def _renew(stage: Stage) -> None:
    stage.client.renew()
    stage.partner.closes = False


def _close_an_offer(stage: Stage) -> None:
    stage.partner.way = _refuse_the_offer
    stage.traffic.fields = lambda number: {"event": "sale" if number % 4 else REFUSED_OFFER}


def _refuse_the_offer(query: Mapping[str, str]) -> Answer:
    return Answer(410) if query.get("event") == REFUSED_OFFER else Answer()


def _reopen_it(stage: Stage) -> None:
    stage.traffic.fields = lambda _: {"event": "sale"}
    stage.partner.way = well


STATUS = "postback-worker status"
NONE_DELIVERED = frozenset({"PostbackNotDelivering"})
"""It fires where none at all is delivered, half an hour later."""

PARTNER_INCIDENTS = (
    Incident(
        name="Partner down",
        fires="PostbackCircuitOpen",
        explains=[STATUS, "curl -s HOST:8080/readyz | jq .circuit"],
        says="partner down",
        shows=Shown("verdict", "partner down"),
        begins=_leave,
        repairs=_come_back,
        repaired_by="the partner's repair; it closes by itself",
        follows=frozenset({"PostbackSourceOld", "PostbackTierOverdue"}) | NONE_DELIVERED,
    ),
    Incident(
        name="200 with an error",
        fires="PostbackAttemptsFail",
        explains=[STATUS, "postback-worker explain EVENT_ID"],
        says="unknown campaign",
        shows=Shown("undelivered", "rejected_body"),
        ends_on_page=Deed("now", {"reason": "rejected_body"}),
        begins=_say_error,
        repairs=_be_well,
        repaired_by="the partner's repair",
        ends=["postback-worker waiting now --reason rejected_body"],
        follows=NONE_DELIVERED,
        settings={"DESTINATION__REJECT_BODY": '"status":"error"'},
    ),
    Incident(
        name="Wrong URL",
        fires="PostbackAttemptsFail",
        explains=["postback-worker send --click-id TEST"],
        says="404",
        shows=Shown("undelivered", "404"),
        ends_on_page=Deed("now", {"status": "404"}),
        begins=_deploy_wrong_url,
        repairs=_deploy_right_url,
        repaired_by="the setting, rolled out",
        ends=["postback-worker waiting now --status 404"],
        follows=NONE_DELIVERED,
    ),
    Incident(
        name="Slow partner",
        fires="PostbackSourceOld",
        explains=[STATUS],
        says="lagging",
        shows=Shown("verdict", "lagging"),
        begins=_be_slow,
        repairs=_deploy_more_lanes,
        repaired_by="`POSTBACK_DESTINATION__CONCURRENCY` raised, rolled out",
        follows=frozenset({*BURNS}),
        settings={"DESTINATION__CONCURRENCY": "4"},
        rate=25.0,
    ),
    Incident(
        name="Expired certificate",
        fires="PostbackCircuitOpen",
        explains=[STATUS, "postback-worker config check"],
        says="expired",
        shows=Shown("verdict", "expired"),
        begins=_let_expire,
        repairs=_renew,
        repaired_by="the new certificate, put into its file",
        follows=frozenset({"PostbackSourceOld", "PostbackTierOverdue"}) | NONE_DELIVERED,
        settings={"DESTINATION__CONCURRENCY": "16"},
        rate=10.0,
        tls=True,
    ),
    Incident(
        name="DLQ flood and replay",
        fires="PostbackManyDeadLetters",
        explains=["postback-worker dlq stats", "postback-worker dlq list --limit 3"],
        says="rejected",
        shows=Shown("undelivered", "rejected"),
        ends_on_page=Deed("replay", {"reason": "rejected"}),
        begins=_close_an_offer,
        repairs=_reopen_it,
        repaired_by="the cause",
        ends=["postback-worker dlq replay --reason rejected"],
        follows=frozenset({"PostbackDeadLetters", *BURNS}),
        settings={"DESTINATION__TERMINAL_STATUSES": "410"},
    ),
)
