"""Wrong settings of several destinations: each is one line, with the variable and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.test_settings_several import ONE, TWO, URLS, A, B, problems


@pytest.mark.parametrize(
    ("toml", "environ", "line"),
    [
        (
            "[destinations.B]\n" + URLS,
            {},
            "POSTBACK_DESTINATIONS__B: 'B' must be 1 to 32 of a-z, 0-9, - and _",
        ),
        ("[destinations.a]\n", {}, "POSTBACK_DESTINATIONS__A: destinations.a (/worker.toml) is empty; "),
        (
            f'{ONE}headers = "x"\n',
            {},
            f"{A}HEADERS: no such setting (destinations.a.headers, /worker.toml); did you mean {A}HEADERS__N",
        ),
        (ONE, {f"{A}TOKN": "x"}, f"{A}TOKN: no such setting (environment)"),
        (
            ONE,
            {f"{A}TIMEOT_FILE": "x"},
            f"{A}TIMEOT_FILE: no such setting (environment); did you mean {A}TIMEOUT_FILE?",
        ),
        (
            ONE,
            {f"{A}SECRET__TOKEN": "x"},
            f"{A}SECRET__TOKEN: no such setting (environment); did you mean {A}SEC",
        ),
        (f"{ONE}when = {{}}\n", {}, f"{A}WHEN: destinations.a.when (/worker.toml) is empty; "),
        (
            f'{ONE}when = "x"\n',
            {},
            f"{A}WHEN: no such setting (destinations.a.when, /worker.toml); did you mean {A}WHEN__NETWORK?",
        ),
        (f"{ONE}[destinations.b]\n{URLS}", {}, f"{A}WHEN__NETWORK, {B}WHEN__NETWORK: a and b have no WHEN; "),
        (
            f'{ONE}when.netwrk = "x"\n',
            {},
            f"{A}WHEN__NETWRK: netwrk can't be asked for (/worker.toml); can be: ",
        ),
        (ONE, {f"{A}WHEN__CLICK_ID": "x"}, f"{A}WHEN__CLICK_ID: click_id can't be asked for (environment); "),
        (f'{ONE}when."attributes." = "x"\n', {}, f"{A}WHEN__ATTRIBUTES__: attributes. can't be asked for "),
        (f'{ONE}when.header = "x"\n', {}, f"{A}WHEN__HEADER: header can't be asked for (/worker.toml); "),
        (
            ONE,
            {f"{A}WHEN__NETWORK": "x,Voluum"},
            f"{A}WHEN__NETWORK: no event has 'Voluum' (environment); a net",
        ),
        (ONE, {f"{A}WHEN__EVENT": "\udcff"}, f"{A}WHEN__EVENT: is not UTF-8 (environment), as what events"),
        (ONE, {f"{A}WHEN__EVENT": " , "}, f"{A}WHEN__EVENT: names no value (environment); "),
        ('[destinations.a]\ntimeout = "2s"\n', {}, f"{A}URL: must be set: where the postback goes, https://"),
        ("", {f"{A}TIMEOUT": "2s"}, f"{A}URL: must be set: where the postback goes, https://"),
        (
            ONE,
            {"POSTBACK_DESTINATION__SIMPLE_URL": "https://x/"},
            "POSTBACK_DESTINATION__SIMPLE_URL: can't stand",
        ),
        (ONE, {"POSTBACK_DESTINATION__NAME": "x"}, "POSTBACK_DESTINATION__NAME: can't stand beside "),
        (ONE, {f"{A}NAM": "x"}, f"{A}NAM: no such setting (environment)"),
        (f'{ONE}name = "x"\n', {}, f"{A}NAME: no such setting (destinations.a.name, /worker.toml)"),
        (
            f'{ONE}timeot = "2s"\n',
            {},
            f"{A}TIMEOT: no such setting (destinations.a.timeot, /worker.toml); did",
        ),
        (
            ONE,
            {f"{A}RETRY__DELAY": "2s"},
            f"{A}RETRY__DELAY: no such setting (environment); did you mean {A}RE",
        ),
        (ONE, {f"{A}KAFKA__TOPIC": "t"}, f"{A}KAFKA__TOPIC: no such setting (environment)"),
        (
            ONE,
            {"POSTBACK_DESTINATIONS__URL": "x"},
            "POSTBACK_DESTINATIONS__URL: no such setting (environment)",
        ),
        (
            'destinations = "x"\n',
            {},
            "POSTBACK_DESTINATIONS: destinations (/worker.toml) must be a table, [destinations.",
        ),
        (
            f"[[destinations]]\n{URLS}",
            {},
            "POSTBACK_DESTINATIONS: destinations (/worker.toml) must be a table, [desti",
        ),
        (
            'destinations.a = "x"\n',
            {},
            "POSTBACK_DESTINATIONS__A: destinations.a (/worker.toml) must be a table, [desti",
        ),
        (
            f'{ONE}when.currency = ["USD", "EUR"]\n',
            {},
            f"{A}WHEN__CURRENCY: each event in EUR would be a dead letter, as {A}CURRENCIES is USD; add it",
        ),
        (
            f"[destinations.shop-pixel]\n{URLS}",
            {"POSTBACK_DESTINATIONS__SHOP_PIXEL__TIMEOUT": "1s"},
            "POSTBACK_DESTINATIONS__SHOP_PIXEL__URL: must be set; or is shop-pixel meant? In the environment",
        ),
        (f'{ONE}timeout = "soon"\n', {}, f"{A}TIMEOUT: must be a whole number with a unit: "),
        (
            ONE,
            {"POSTBACK_DESTINATION__TIMEOUT": "soon"},
            "POSTBACK_DESTINATION__TIMEOUT: must be a whole number",
        ),
        (f'{ONE}retry.delays = "2s,1s"\n', {}, f"{A}RETRY__DELAYS: must rise: 1s comes after 2s"),
        (ONE, {"POSTBACK_RETRY__DELAYS": "x"}, "POSTBACK_RETRY__DELAYS: must be a whole number with a unit"),
        (f"{ONE}max_outstanding = 0\n", {}, f"{A}MAX_OUTSTANDING: must be greater than or equal to 1"),
        (f'{ONE}proxy = "http://p:1"\n', {}, f"{A}PROXY: takes {A}TRANSPORT=session"),
        (f'{ONE}group_id = "a b"\n', {}, f"{A}GROUP_ID: must be 1 to 249 of letters"),
        (
            f'{ONE}group_id = "g"\n[destinations.b]\n{URLS}when.event = "e"\ngroup_id = "g"\n',
            {},
            f"{A}GROUP_ID, {B}GROUP_ID: both would be the group g; each destination needs a group of its own",
        ),
        (
            f'{ONE}group_id = "g"\n[destinations.b]\n{URLS}when.event = "e"\ngroup_id = "g.retry"\n',
            {},
            f"{A}GROUP_ID (its retries), {B}GROUP_ID: both would be the group g.retry; ",
        ),
        (
            f'[destinations.b]\n{URLS}when.event="e"\n[destinations.a]\n{URLS}group_id="postback-worker.b"\n',
            {},
            f"{A}GROUP_ID, {B}GROUP_ID: both would be the group postback-worker.b; ",
        ),
        (TWO, {"POSTBACK_MAX_HELD_BYTES": "1MB"}, "POSTBACK_MAX_HELD_BYTES: must be at least 2MB for 2 dest"),
        (TWO, {"POSTBACK_KAFKA__SKIP": "x/0/1"}, "POSTBACK_KAFKA__SKIP: x/0/1 is not read by this worker"),
        (
            ONE,
            {"POSTBACK_KAFKA__TOPIC": "postback-worker.a.dlq"},
            "POSTBACK_KAFKA__TOPIC: postback-worker.a.dlq is one of the group's own topics",
        ),
        (
            f"{ONE}[destinations.{'b' * 33}]\n{URLS}",
            {},
            f"POSTBACK_DESTINATIONS__{'B' * 33}: '{'b' * 33}' must",
        ),
        (
            '[destinations.a]\nsimple_url = "https://a.example/?c={click_id}"\n',
            {},
            f"{A}EVENT_URL: must be set, too: only {A}SIMPLE_URL goes to a.example",
        ),
        (f'{ONE}headers.Content-Length = "3"\n', {}, f"{A}HEADERS__CONTENT_LENGTH: "),
        (f'{ONE}success_statuses = ""\n', {}, f"{A}SUCCESS_STATUSES: must name at least one"),
        (f'{ONE}circuit.probe_pause = "2m"\n', {}, f"{A}CIRCUIT__PROBE_PAUSE: must not be longer than "),
        (
            f'{ONE}ca_file = ["a", {{}}]\n',
            {},
            f"{A}CA_FILE: destinations.a.ca_file (/worker.toml) must be text",
        ),
        (ONE, {f"{A}TIMEOUT_FILE": "/nonexistent/x"}, f"{A}TIMEOUT: the file /nonexistent/x cannot be read"),
    ],
)
def test_wrong(tmp_path: Path, toml: str, environ: dict[str, str], line: str) -> None:
    """What is wrong is a line that names the variable of the destination that it is wrong for."""
    found = problems(tmp_path, toml, **environ)
    assert any(one.startswith(line) for one in found), found
    assert len(set(found)) == len(found)


def test_what_is_common_is_said_once(tmp_path: Path) -> None:
    """What is wrong with the common settings is said once, however many destinations there are."""
    assert len(problems(tmp_path, TWO, POSTBACK_DESTINATION__TIMEOUT="soon")) == 1
