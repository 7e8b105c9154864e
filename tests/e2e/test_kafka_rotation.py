"""Kafka's password and the client's certificate are replaced while events flow: all is sent, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import trustme

from tests.e2e.program import Program, settings
from tests.e2e.test_rotation import A_SECOND, Flow
from tests.e2e.test_secured import variables
from tests.e2e.tracker import Tracker
from tests.support.certificates import ClientFiles, replace
from tests.support.kafka import Names, create_topics, wait_until
from tests.support.secured import Secured

pytestmark = [pytest.mark.kafka, pytest.mark.process]
COUNTS = "a file has changed: Kafka's clients log in anew with it"


def test_the_password(secured: Secured, names: Names, tmp_path: Path) -> None:
    """It is replaced twice: what is old is refused at once, and the broker asks now and then who one is."""
    user, file = "rotating-user", tmp_path / "password"
    secured.set_password(user, "s3cret-0")
    replace(file, "s3cret-0")
    given = {**secured.tls(), "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": user}
    env = {**variables(given), "POSTBACK_KAFKA__PROPERTIES__SASL_PASSWORD_FILE": str(file)}
    topics(secured, names, user)

    def renew(number: int) -> None:
        secured.set_password(user, f"s3cret-{number}")
        replace(file, f"s3cret-{number}\n")

    flow_while(secured, names, tmp_path, {**world(secured.login, names), **env}, renew)


def test_the_certificate(secured: Secured, names: Names, tmp_path: Path) -> None:
    """It is replaced twice, each time by that of another user, and the one before loses his rights."""
    files = ClientFiles(tmp_path, secured.clients)
    files.renew("client-0")
    shown = {"ssl.certificate.location": str(files.cert), "ssl.key.location": str(files.key)}
    env = variables({**secured.tls(), "security.protocol": "SSL", **shown})
    for number in range(3):
        topics(secured, names, f"client-{number}", make=number == 0)

    flow_while(
        secured,
        names,
        tmp_path,
        {**world(secured.mutual, names), **env},
        lambda number: files.renew(f"client-{number}"),
        lambda number: take_all(secured, names, f"client-{number - 1}"),
    )


@pytest.mark.long
def test_the_authority(secured: Secured, names: Names, tmp_path: Path) -> None:
    """It is replaced twice: first it is added, then the broker's certificate is of the new one alone."""
    user, password = "believing-user", "s3cret"
    secured.set_password(user, password)
    authorities = [secured.authority, trustme.CA(), trustme.CA()]
    files = ClientFiles(tmp_path, secured.authority)
    login = {"sasl.mechanism": "SCRAM-SHA-512", "sasl.username": user, "sasl.password": password}
    env = variables({**secured.tls(), **login, "ssl.ca.location": str(files.ca)})
    topics(secured, names, user)

    with secured.other_authorities() as show:

        def then(number: int) -> None:
            show(authorities[number])
            files.trust(authorities[number])

        flow_while(
            secured,
            names,
            tmp_path,
            {**world(secured.login, names), **env},
            lambda number: files.trust(*authorities[number - 1 : number + 1]),
            then,
            said_each=2,
        )


@pytest.mark.long
def test_the_secret_of_tokens(secured: Secured, names: Names, tmp_path: Path) -> None:
    """It is replaced twice for one that the issuer takes already; then it refuses the one before."""
    user, file = "renewed-token-user", tmp_path / "secret"
    issuer = secured.issuer
    login = {
        "sasl.mechanism": "OAUTHBEARER",
        "sasl.oauthbearer.method": "oidc",
        "sasl.oauthbearer.client.id": user,
        "sasl.oauthbearer.token.endpoint.url": issuer.token_url,
    }
    env = variables({**secured.tls(), **login})
    env["POSTBACK_KAFKA__PROPERTIES__SASL_OAUTHBEARER_CLIENT_SECRET_FILE"] = str(file)
    topics(secured, names, user)

    def renew(number: int) -> None:
        issuer.secrets[user].add(f"s3cret-{number}")
        replace(file, f"s3cret-{number}\n")

    issuer.secrets[user] = set()
    renew(0)
    given = {**world(secured.login, names), **env}
    flow_while(
        secured,
        names,
        tmp_path,
        given,
        renew,
        lambda number: issuer.secrets[user].remove(f"s3cret-{number - 1}"),
    )
    assert user in issuer.granted
    assert user not in issuer.refused


def world(bootstrap: str, names: Names) -> dict[str, str]:
    """Settings of a worker with one tier."""
    return settings(bootstrap, names, RETRY__DELAYS="10s")


def topics(secured: Secured, names: Names, user: str, *, make: bool = True) -> None:
    """The topics of a worker, which this user may use."""
    own = [names.topic, names.tier("10s"), names.dlq, names.journal, names.control]
    if make:
        create_topics(secured.open, {**dict.fromkeys(own, 2), names.control: 1})
    for topic in own:
        secured.grant(user, "topic", topic, "READ", "WRITE")
    for group in (names.group, names.retry_group):
        secured.grant(user, "group", group, "READ")


def take_all(secured: Secured, names: Names, user: str) -> None:
    """Take from a user what he needs to read and to write."""
    for topic in (names.topic, names.tier("10s"), names.dlq, names.journal, names.control):
        secured.take(user, "topic", topic, "READ", "WRITE")
    for group in (names.group, names.retry_group):
        secured.take(user, "group", group, "READ")


def flow_while(
    secured: Secured,
    names: Names,
    at: Path,
    env: dict[str, str],
    renew: Callable[[int], object],
    then: Callable[[int], object] = lambda _: None,
    *,
    said_each: int = 1,
) -> None:
    """Have events flow while something is renewed twice; all is delivered once, and nothing was refused.

    `then` follows when the new one counts; files change `said_each` times in both together.
    """
    flow = Flow(secured.open, names.topic)
    with Tracker() as tracker:
        env = {
            **env,
            "POSTBACK_DESTINATION__SIMPLE_URL": tracker.simple_url,
            "POSTBACK_DESTINATION__EVENT_URL": tracker.event_url,
        }
        with Program(env, at) as program:
            with flow.flowing():
                wait_until("it flows", lambda: len(tracker.hits) > 100, within=90.0)
                for number in (1, 2):
                    renew(number)
                    changes = said_each * (number - 1) + 1
                    wait_until(f"the {number}. counts", partial(has_counted, program, changes))
                    wait_until("what was published is sent", partial(sent, tracker, flow.count))
                    then(number)
                    wait_until("all changes count", partial(has_counted, program, said_each * number))
                    wait_until("it flows on", partial(sent, tracker, flow.count + 2 * A_SECOND))
            wait_until("all are delivered", lambda: sent(tracker, flow.count))
            program.ready()
            retried, refused = (
                program.metric(f"postback_{name}_total") for name in ("retries", "publishes_refused")
            )
            assert program.end() == 0
    print(f"{flow.count} events, {len(tracker.hits)} requests, {retried:g} retries, {refused:g} refused")
    assert Counter(tracker.clicks.values()) == Counter({1: flow.count})
    assert (retried, refused) == (0, 0)
    assert not [line for line in program.lines if "s3cret" in line or "PRIVATE" in line]


def has_counted(program: Program, times: int) -> bool:
    """Whether the program said so often that a file counts: of a certificate and its key, once of both."""
    lines = Counter(line["variable"] for line in program.log if line["event"] == COUNTS)
    return max(lines.values(), default=0) >= times


def sent(tracker: Tracker, upto: int) -> bool:
    """Whether all of the first events are sent."""
    return {f"c-{number}" for number in range(upto)} <= set(tracker.clicks)
