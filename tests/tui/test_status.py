"""What the status line says in every state of connection and outbox."""

import time

import pytest
from textual.app import App, ComposeResult

from chatproto.errors import ErrorInfo
from chatterm.client.model import ConnectionStatus, Link
from chatterm.tui.status import StatusLine, countdown, status_parts
from chatterm.tui.theme import DARK, DEFAULTS


class StatusApp(App[None]):
    def __init__(self, status: ConnectionStatus) -> None:
        super().__init__()
        self.register_theme(DARK)
        self.theme = DARK.name
        self._line = StatusLine(status)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return DEFAULTS

    def compose(self) -> ComposeResult:
        yield self._line


NOW = 1_700_000_000.0
REFUSED = ErrorInfo(code="unreachable", message="The server refused the connection.", hint="Is it running?")


def line(status: ConnectionStatus, queued: int = 0, failed: int = 0) -> str:
    return "".join(part.text for part in status_parts(status, queued, failed, NOW)).strip()


@pytest.mark.parametrize(
    ("status", "queued", "failed", "said"),
    [
        (ConnectionStatus(Link.ONLINE, NOW), 0, 0, "● online"),
        (ConnectionStatus(Link.ONLINE, NOW), 2, 0, "● online · 2 sending"),
        (ConnectionStatus(Link.ONLINE, NOW), 0, 1, "● online · ✗ 1 failed"),
        (ConnectionStatus(Link.CONNECTING, NOW), 1_234, 0, "◌ connecting… · 1,234 queued"),
        (ConnectionStatus(Link.OFFLINE, NOW), 0, 0, "○ not connected yet"),
        (ConnectionStatus(Link.STOPPED, NOW), 0, 0, "○ stopped"),
    ],
)
def test_it_says_what_is(status: ConnectionStatus, queued: int, failed: int, said: str) -> None:
    assert line(status, queued, failed) == said


def test_paused_messages_are_not_said_to_be_sent() -> None:
    online = ConnectionStatus(Link.ONLINE, NOW)
    said = ["".join(part.text for part in status_parts(online, 3, 0, NOW, paused=paused)).strip() for paused in (1, 3)]
    assert said == ["● online · 2 sending · ‖ 1 paused", "● online · ‖ 3 paused"]


def test_a_click_on_what_is_not_sent_shows_it() -> None:
    parts = status_parts(ConnectionStatus(Link.OFFLINE, NOW), 3, 1, NOW, paused=1)
    assert {part.text: part.action for part in parts if part.action} == {
        "2 queued": "outbox",
        "‖ 1 paused": "transfers",
        "✗ 1 failed": "outbox",
    }


def test_offline_says_since_when_what_waits_when_it_tries_again_and_why() -> None:
    since = time.strftime("%H:%M", time.localtime(NOW - 300))
    status = ConnectionStatus(Link.OFFLINE, NOW - 300, retry_at=NOW + 4, problem=REFUSED)
    assert line(status, 3) == (
        f"○ offline since {since} · 3 queued · retrying in 4 s · Ctrl+R now"
        " · The server refused the connection. Is it running?"
    )


def test_a_retry_that_is_due_is_not_counted_below_zero() -> None:
    assert "retrying now" in line(ConnectionStatus(Link.OFFLINE, NOW, retry_at=NOW - 5, problem=REFUSED))


def test_signed_out_says_what_to_do() -> None:
    assert line(ConnectionStatus(Link.SIGNED_OUT, NOW, problem=REFUSED)) == ("✗ signed out · Ctrl+R signs in again")


def test_a_hostile_problem_cannot_reach_the_terminal() -> None:
    """The message of a problem may come from a server that is not what it should be."""
    hostile = ErrorInfo(code="x", message="\x1b]52;c;AAAA\x07 [red]x[/] \u202e", hint="\n")
    said = line(ConnectionStatus(Link.OFFLINE, NOW, retry_at=NOW + 1, problem=hostile))
    assert "\x1b" not in said
    assert "\x07" not in said
    assert "\u202e" not in said
    assert "\n" not in said
    assert "[red]x[/]" in said


async def test_a_long_reason_leaves_room_for_help_and_the_way_out() -> None:
    """Offline is when keys are looked for; where there is no room for both, the reason goes."""
    status = ConnectionStatus(Link.OFFLINE, time.time(), retry_at=time.time() + 9, problem=REFUSED)
    for width, reason in ((200, "Is it running?"), (100, "The server ref"), (80, "Ctrl+R now")):
        async with StatusApp(status).run_test(size=(width, 3)) as pilot:
            await pilot.pause()
            row = pilot.app.screen._compositor.render_strips()[0].text
            assert reason in row
            assert row.rstrip().endswith("F1 help  ^Q quit")


@pytest.mark.parametrize(
    ("left", "told"), [(-3, 0), (0.2, 0), (4.4, 4), (5, 5), (5.6, 10), (10, 10), (10.6, 15), (15, 15), (59.8, 60)]
)
def test_a_long_wait_is_counted_in_steps_of_five_and_its_end_by_seconds(left: float, told: int) -> None:
    assert countdown(NOW + left, NOW) == told
