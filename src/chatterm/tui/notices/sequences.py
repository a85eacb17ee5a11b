"""Escape sequences by which terminals notify, and which of them a terminal understands."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Final, Literal

from chatproto.text import terminal_safe

Means = Literal["osc9", "osc99", "osc777", "off"]
TITLE_MAX: Final = 80
BODY_MAX: Final = 240
BELL: Final = "\x07"
_BY_PROGRAM: Final[Mapping[str, Means]] = {
    "iTerm.app": "osc9",
    "WezTerm": "osc777",
    "ghostty": "osc777",
    "contour": "osc777",
    "rio": "osc9",
}
_BY_TERM: Final[Mapping[str, Means]] = {
    "xterm-kitty": "osc99",
    "xterm-ghostty": "osc777",
    "foot": "osc777",
    "foot-extra": "osc777",
    "wezterm": "osc777",
    "contour": "osc777",
    "rxvt-unicode": "osc777",
    "rxvt-unicode-256color": "osc777",
}


def understood(environment: Mapping[str, str]) -> Means:
    """What this terminal is known to understand; also over SSH, which carries TERM."""
    if environment.get("KITTY_WINDOW_ID"):
        return "osc99"
    program = _BY_PROGRAM.get(environment.get("TERM_PROGRAM", "")) or _BY_PROGRAM.get(
        environment.get("LC_TERMINAL", "")
    )
    return program or _BY_TERM.get(environment.get("TERM", ""), "off")


def shortened(text: str, limit: int) -> str:
    """Text of others for a sequence: one safe line, at most `limit` characters."""
    safe = terminal_safe(" ".join(text[: 4 * limit].split()))
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"


def notification(means: Means, title: str, body: str, ident: int) -> str:
    """The sequence that shows a notification. Nothing in the texts can end it early, or be read as a command."""
    title, body = shortened(title, TITLE_MAX), shortened(body, BODY_MAX)
    match means:
        case "osc9":
            # A number and a semicolon would be another command, such as ConEmu's progress bar.
            return f"\x1b]9;{'· ' if title[:1].isdigit() else ''}{title}: {body}\x07"
        case "osc777":
            return f"\x1b]777;notify;{title.replace(';', ',')};{body.replace(';', ',')}\x07"
        case "osc99":
            return (
                f"\x1b]99;i=chatterm{ident}:d=0:e=1:o=unfocused;{_encoded(title)}\x1b\\"
                f"\x1b]99;i=chatterm{ident}:d=1:e=1:p=body;{_encoded(body)}\x1b\\"
            )
        case "off":
            return ""


def withdrawal(means: Means, ident: int) -> str:
    """The sequence that takes a notification away, where there is one."""
    return f"\x1b]99;i=chatterm{ident}:p=close;\x1b\\" if means == "osc99" else ""


def passed_through(sequence: str, environment: Mapping[str, str]) -> str:
    """Let a sequence reach the terminal around a multiplexer."""
    if not sequence:
        return ""
    if environment.get("TMUX"):
        return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    if environment.get("STY"):
        return f"\x1bP{sequence}\x1b\\" if "\x1b\\" not in sequence else ""
    return sequence


def _encoded(text: str) -> str:
    return b64encode(text.encode()).decode("ascii")
