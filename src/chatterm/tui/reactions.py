"""Picking an emoji to react with: one's own, the ones used lately and common ones first, all others by name."""

from typing import TYPE_CHECKING, Final

from chatproto.models import Message
from chatterm.tui.picker import Picker, Row, Rows
from chatterm.tui.writing.emojis import Emojis

if TYPE_CHECKING:
    from chatterm.tui.app import ChatApp

COMMON: Final = ("👍", "❤️", "😂", "🎉", "😮", "😢", "🙏", "👀", "✅", "🚀")
RECENT_MAX: Final = 12
SHOWN_MAX: Final = 200
_SETTING: Final = "reactions"
_emojis: Final = Emojis()


async def pick_reaction(app: "ChatApp", message: Message, mine: list[str]) -> str | None:
    """The emoji that is picked; None if the picker was left. Those in `mine` are marked: picking takes them away."""
    there = [each.emoji for each in message.reactions if each.user_ids]

    async def source(needle: str) -> Rows[str]:
        await _emojis.load()
        if needle.strip():
            found = _emojis.search(needle.strip().strip(":"), SHOWN_MAX)
            return [_row(each.char, each.name, mine) for each in found]
        offered = dict.fromkeys((*mine, *there, *recent_reactions(app), *COMMON))
        return [_row(char, _name(char), mine) for char in offered]

    picker: Picker[str] = Picker("React", source, placeholder="name of an emoji", hint="picking yours takes it back")
    return await picker.pick(app)


def _row(char: str, name: str, mine: list[str]) -> Row[str]:
    return Row(f"{char}  {name.replace('_', ' ')}", char, "yours" if char in mine else "", keywords=name)


def recent_reactions(app: "ChatApp") -> list[str]:
    """Emoji that were used lately, the last one first."""
    kept = app.state.setting(_SETTING) if app.state is not None else None
    return kept.split(" ")[:RECENT_MAX] if kept else []


def remember_reaction(app: "ChatApp", emoji: str) -> None:
    """Put an emoji at the head of those used lately."""
    recent = dict.fromkeys((emoji, *recent_reactions(app)))
    if app.state is not None:
        app.state.save_setting(_SETTING, " ".join(list(recent)[:RECENT_MAX]))


def _name(char: str) -> str:
    from emoji import demojize  # noqa: PLC0415 - thousands of entries, loaded by the picker's first search

    return demojize(char, delimiters=("", ""))
