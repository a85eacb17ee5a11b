"""The shell blocks of a page, in order, with what the page says of them to whoever tries it."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PART: Final = re.compile(r"^(?=## )", re.MULTILINE)
_BLOCK: Final = re.compile(r"^(?:<!-- (?P<note>[^\n]*) -->\n)?```sh\n(?P<script>.*?)^```", re.DOTALL | re.MULTILINE)
_SKIPPED: Final = "not tried: "


@dataclass(frozen=True, slots=True)
class Block:
    """A block of shell commands."""

    heading: str
    """Of the part it stands in, without its number."""
    script: str
    skipped: str = ""
    """Why it is not tried; empty if it is."""
    sets_values: bool = False
    """It has the values that are the owner's own."""


def blocks(page: Path) -> list[Block]:
    """All of them. Raises `ValueError` for a note that says nothing known."""
    found = []
    for part in _PART.split(page.read_text(encoding="utf-8")):
        heading = re.sub(r"^#+ (\d+\. )?", "", part.partition("\n")[0])
        for block in _BLOCK.finditer(part):
            note = block["note"] or ""
            if note and note != "values" and not note.startswith(_SKIPPED):
                raise ValueError(f"{page}, {heading}: what does {note!r} mean?")
            values = note == "values"
            found.append(Block(heading, block["script"], "" if values else note.removeprefix(_SKIPPED), values))
    return found
