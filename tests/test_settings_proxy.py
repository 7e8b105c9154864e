"""A proxy whose login could never be sent is refused at the start."""

from __future__ import annotations

import pytest

from tests.support.settings import read
from worker.settings import SettingsError

PROXY = "POSTBACK_DESTINATION__PROXY"


@pytest.mark.parametrize(
    "login", ["u:pass", "u:", "u", ":pass", "u:p:q", "u:p%3Fs%5B", "u:%C3%A9", "u:p%zz", "u:$&'()"]
)
def test_login(login: str) -> None:
    """A login that can be sent is taken."""
    settings = read({PROXY: f"http://{login}@proxy:3128", "POSTBACK_DESTINATION__TRANSPORT": "session"})
    assert settings.destination.proxy is not None


@pytest.mark.parametrize(
    ("login", "says"),
    [
        ("u:s3cret?", "percent-encode"),
        ("u:s3cret#", "percent-encode"),
        ("u:s3cret[", "percent-encode"),
        ("u:s3cret\\", "percent-encode"),
        ("u%3Av:s3cret", "a user with a colon"),
        ("u:s3cret%E2%82%AC", "beyond Latin-1"),
    ],
)
def test_login_that_can_not_be_sent(login: str, says: str) -> None:
    """What can't be taken out of the URL, or not be sent, is an error that does not quote it."""
    with pytest.raises(SettingsError) as caught:
        read({PROXY: f"http://{login}@proxy:3128", "POSTBACK_DESTINATION__TRANSPORT": "session"})
    (line,) = caught.value.problems
    assert line.startswith(f"{PROXY}: ")
    assert says in line
    assert "s3cret" not in line
