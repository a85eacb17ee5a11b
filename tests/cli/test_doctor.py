"""`chatterm doctor`, `config`, `accounts` and `outbox`: looking after one's own files."""

import json
import os
from pathlib import Path

import pytest

from chatproto.findings import FindingState
from chatterm.client.checks_local import check_terminal
from tests.cli.conftest import PASSWORD, Home, LiveServer
from tests.cli.following import Running


def found(home: Home, *words: str) -> dict[str, str]:
    """State of each check; the worst, where one is made twice."""
    states: dict[str, str] = {}
    for line in home.run("doctor", "--json", *words).lines:
        finding = json.loads(line)
        states[finding["check"]] = max(states.get(finding["check"], "good"), finding["state"], key=_BADNESS.index)
        assert finding["state"] != "bad" or finding["hint"], finding
    return states


_BADNESS = ["good", "notice", "bad"]


def test_a_healthy_machine_has_nothing_bad(live: LiveServer, home: Home, anna: str) -> None:
    """Also the server's half: name, answer, clock, session and greeting; text is safe and says what to do."""
    states = found(home)
    for check in ("versions", "data folder", "disk space", "settings", "tokens", "cache", "outbox", "name", "server"):
        assert states[check] == "good", states
    assert (states["clock"], states["session"], states["connection"]) == ("good", "good", "good")
    home.environment = {"LANG": "C.UTF-8", "PYTHONIOENCODING": "utf-8"}
    result = home.run("doctor", "--offline")
    assert result.code == 0, result.out
    assert "server:" not in result.out


def test_what_is_broken_is_found_and_left_as_it_is(live: LiveServer, home: Home, anna: str) -> None:
    """A damaged cache, a foreign outbox, rights that are too wide, senseless settings, a server that is gone."""
    folder = next(home.folder.rglob("credentials.json")).parent
    cache, outbox = folder / "cache.db", folder / "outbox.db"
    damaged = bytearray(cache.read_bytes())
    damaged[100:4_000] = os.urandom(3_900)
    cache.write_bytes(bytes(damaged))
    outbox.write_bytes(b"not a database" * 100)
    for log in (*folder.glob("*-wal"), *folder.glob("*-shm")):
        log.unlink()
    folder.chmod(0o755)
    (home.folder / "config.toml").write_text("[look]\ntheme = 5\n")
    registry = json.loads((home.folder / "accounts.json").read_text())
    registry["accounts"][0]["server_url"] = "http://127.0.0.1:9"
    (home.folder / "accounts.json").write_text(json.dumps(registry))
    before = outbox.read_bytes()
    states = found(home)
    assert [states[check] for check in ("cache", "outbox", "files", "settings", "server")] == ["bad"] * 5, states
    assert "session" not in states
    assert outbox.read_bytes() == before
    assert home.run("doctor").code == 1


def test_without_an_account_the_machine_itself_is_looked_at(home: Home) -> None:
    """Nobody signed in is no fault."""
    states = found(home)
    assert states["accounts"] == "notice"
    assert states["versions"] == "good"


@pytest.mark.parametrize(
    ("environment", "encoding", "bad"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "utf-8", set()),
        ({"TERM": "dumb"}, "utf-8", {"terminal"}),
        ({"TERM": "xterm"}, "ANSI_X3.4-1968", {"characters"}),
        ({"TERM": "tmux-256color", "TMUX": "x", "NO_COLOR": "1"}, "UTF-8", set()),
    ],
)
def test_a_terminal_is_judged_by_what_it_says(environment: dict[str, str], encoding: str, bad: set[str]) -> None:
    """Without colours it works, without UTF-8 or cursor movement it does not."""
    findings = list(check_terminal(environment, is_terminal=True, encoding=encoding))
    assert {finding.check for finding in findings if finding.state is FindingState.BAD} == bad
    assert any(finding.check == "tmux" for finding in findings) == ("TMUX" in environment)


def test_settings_are_read_changed_and_checked(home: Home) -> None:
    """By name; a text may stand without quotes; what is wrong is refused or found, and comments stay."""
    path = Path(home.run("config", "path").out.strip())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("# mine\n[look]\ntheme = 'chatterm-day'  # bright\n")
    assert home.run("config", "get", "look.theme").out == "chatterm-day\n"
    for name, value in (("look.list_width", "40"), ("compose.typing_notices", "false"), ("look.density", "compact")):
        assert home.run("config", "set", name, value).code == 0
    shown = dict(line.split(" = ") for line in home.run("config", "get").lines)
    assert (shown["look.list_width"], shown["compose.typing_notices"]) == ("40", "false")
    assert shown["look.density"] == '"compact"'
    assert "# mine" in path.read_text() and "# bright" in path.read_text()
    assert home.run("config", "unset", "look.density").code == 0
    assert json.loads(home.run("config", "get", "look.density", "--json").out)["value"] == "comfortable"
    assert home.run("config", "check").code == 0
    for words in (["set", "look.density", "loose"], ["set", "look.nothing", "1"], ["get", "nothing"], []):
        assert home.run("config", *words).code == 2
    path.write_text("[look]\nthem = 5\n")
    checked = home.run("config", "check")
    assert checked.code == 78
    assert "theme" in checked.out
    path.write_text('[look]\ntheme = "nope"\n')
    checked = home.run("config", "check")
    assert checked.code == 78
    assert "There is no theme 'nope'" in checked.out


def test_the_default_account_is_chosen_and_accounts_are_forgotten(
    live: LiveServer, home: Home, anna: str, ben: str
) -> None:
    """Not while messages are unsent; then nothing of it stays on this machine."""
    assert home.run("login", live.url, "--email", ben, "--password-stdin", given=PASSWORD).code == 0
    assert home.run("accounts", "--default", anna).code == 0
    keys = {record["email"]: record for record in map(json.loads, home.run("accounts", "--json").lines)}
    assert (keys[anna]["default"], keys[ben]["default"]) == (True, False)
    assert home.run("send", "nobody@example.org", "lost?", "--account", ben, "--wait").code == 1
    refused = home.run("accounts", "--remove", ben)
    assert (refused.code, "--unsent" in refused.err) == (1, True)
    assert home.run("accounts", "--remove", ben, "--unsent").code == 0
    assert [json.loads(line)["email"] for line in home.run("accounts", "--json").lines] == [anna]
    assert not [path for path in home.folder.rglob("*") if keys[ben]["key"] in str(path)]
    assert home.run("accounts", "--default", "nobody").code == 3


def test_a_refused_message_is_edited_in_place_and_the_outbox_watched(anna: str, home: Home, ben: str) -> None:
    """It is sent as a new one; a message that may be on the server is left alone."""
    assert home.run("send", "nobody@example.org", "first", "--wait").code == 1
    with Running(home, "outbox", "--watch", "--json") as watch:
        row = json.loads(watch.line())
        assert (row["state"], row["text"]) == ("failed", "first")
        edited = home.run("outbox", "--edit", row["id"][:8], "second", "text")
        assert edited.code == 0, edited.err
        row = json.loads(watch.line())
        assert row["text"] == "second text"
        assert watch.end() == 130
    (row,) = map(json.loads, home.run("outbox", "--json").lines)
    assert (row["state"], row["text"], row["attempts"], row["error"]) == ("queued", "second text", 0, None)
    assert home.run("outbox", "--edit", row["id"], "").code == 1
    assert home.run("outbox", "text").code == 2
    assert home.run("send", ben, "other", "--wait").code == 0
    (row,) = map(json.loads, home.run("outbox", "--json").lines)
    assert row["state"] == "failed"
