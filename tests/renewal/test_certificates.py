"""Certificates that are renewed, do not fit yet, or are not valid."""

from __future__ import annotations

from structlog.testing import capture_logs

from tests.renewal.world import World, looks
from tests.support.certificates import replace
from worker.core.changed_files import AGAIN_SECONDS
from worker.renewal import TELL_SECONDS


async def test_a_new_certificate(world: World) -> None:
    """A new certificate and its key make a new sender; a line for each names its variable, and no key."""
    renewal = world.renewal()
    await looks(renewal)
    world.tls.renew()
    with capture_logs() as lines:
        await looks(renewal)
    assert len(world.senders) == 1
    certificate, key = lines
    assert certificate["variable"] == "POSTBACK_DESTINATION__CERT_FILE"
    assert certificate["certificate"].startswith("client.example, valid until ")
    assert key["variable"] == "POSTBACK_DESTINATION__KEY_FILE"
    assert "PRIVATE" not in repr(lines)


async def test_a_key_that_does_not_fit_yet(world: World) -> None:
    """A certificate without its key, or a cut one, is told once; with its key it counts."""
    renewal = world.renewal()
    await looks(renewal)
    leaf = world.tls.issue()
    whole = leaf.cert_chain_pems[0].bytes()
    replace(world.tls.cert, whole[:300])
    await looks(renewal)
    replace(world.tls.cert, whole)
    await looks(renewal, 4)
    replace(world.tls.key, leaf.private_key_pem.bytes())
    assert world.senders == []
    await looks(renewal)
    assert len(world.senders) == 1
    assert [line.partition(": ")[0] for line in world.heard.troubles] == [
        "POSTBACK_DESTINATION__CERT_FILE",
        "POSTBACK_DESTINATION__KEY_FILE",
    ]


async def test_a_certificate_that_has_expired(world: World) -> None:
    """An expired certificate does not take the place of one that is valid."""
    renewal = world.renewal()
    await looks(renewal)
    world.tls.renew(days=-1)
    await looks(renewal)
    assert world.senders == []
    (line,) = world.heard.troubles
    assert line.startswith("POSTBACK_DESTINATION__CERT_FILE: the certificate has expired: client.example ")


async def test_a_certificate_that_begins_later(world: World) -> None:
    """A certificate that is not valid yet counts as soon as it is, though its file does not change."""
    renewal = world.renewal()
    await looks(renewal)
    world.clock.step(-200 * 86400)
    world.tls.renew()
    await looks(renewal)
    assert world.senders == []
    assert "is not valid yet" in world.heard.troubles[-1]
    world.clock.step(200 * 86400)
    world.clock.advance(AGAIN_SECONDS)
    await renewal.look()
    assert len(world.senders) == 1


async def test_a_certificate_that_ends(world: World) -> None:
    """A person hears when a certificate's last week begins, once a day from then on, and when it is over."""
    renewal = world.renewal()
    world.clock.step(80 * 86400)
    for _ in range(12):
        await looks(renewal)
        world.clock.step(TELL_SECONDS)
    said = [line.partition(": ")[2].split(":")[0] for line in world.heard.troubles]
    assert said[0] == "the certificate expires soon"
    assert said[-1] == "the certificate has expired"
    assert len(said) == 9
