"""Slack's mrkdwn as Markdown: mentions, links, channels, emphasis, escapes (docs.slack.dev, formatting text)."""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from chatserver.importing.texts import with_emoji

_CODE: Final = re.compile(r"(```.*?```|`[^`\n]+`)", re.DOTALL)
_ANGLES: Final = re.compile(r"<([^<>\n]+)>")
_BOLD: Final = re.compile(r"(?<![\w*])\*(?=\S)([^*\n]+?)(?<=\S)\*(?![\w*])")
_STRIKE: Final = re.compile(r"(?<![\w~])~(?=\S)([^~\n]+?)(?<=\S)~(?![\w~])")
_EVERYBODY: Final = frozenset({"channel", "everyone", "here"})


@dataclass(frozen=True, slots=True)
class Converted:
    """A text, and whom it mentions by the ids of Slack."""

    text: str
    mentions: tuple[str, ...] = ()
    mention_all: bool = False


class SlackText:
    """Knows the names of people and channels."""

    def __init__(self, names: Mapping[str, str], channels: Mapping[str, str]) -> None:
        """Names by ids of Slack; both may grow meanwhile."""
        self._names = names
        self._channels = channels

    def convert(self, text: str) -> Converted:
        """The text as Markdown; code stays as it is but for what Slack escapes in it."""
        parts = _CODE.split(text)
        mentions: dict[str, None] = {}
        everybody = False
        for index in range(0, len(parts), 2):  # what is between the pieces of code
            targets = [inner.partition("|")[0] for inner in _ANGLES.findall(parts[index])]
            mentions.update((target[1:], None) for target in targets if target.startswith("@"))
            everybody = everybody or any(target[0] == "!" and target[1:] in _EVERYBODY for target in targets)
            parts[index] = with_emoji(_STRIKE.sub(r"~~\1~~", _BOLD.sub(r"**\1**", parts[index])))
        shown = "".join(html.unescape(_ANGLES.sub(lambda match: self._angle(match[1]), part)) for part in parts)
        return Converted(shown, tuple(mention for mention in mentions if mention in self._names), everybody)

    def _angle(self, inner: str) -> str:
        """What stands between angle brackets: a person, a channel, a command or a link, perhaps with a label."""
        target, _, label = inner.partition("|")
        if target.startswith("@"):
            return "@" + (self._names.get(target[1:]) or label or target[1:])
        if target.startswith("#"):
            return "#" + (label or self._channels.get(target[1:]) or target[1:])
        if target.startswith("!"):
            command = target[1:].partition("^")[0]
            return label or "@" + command
        shown = target.removeprefix("mailto:")
        return f"[{label}]({target})" if label and label not in (target, shown) else shown
