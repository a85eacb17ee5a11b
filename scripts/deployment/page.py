"""The shell blocks of a page, in order, with what the page says of them to whoever tries it."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PART: Final = re.compile(r"^(?=## )", re.MULTILINE)
_BLOCK: Final = re.compile(r"^(?:<!-- (?P<note>[^\n]*) -->\n)?```sh\n(?P<script>.*?)^```", re.DOTALL | re.MULTILINE)

VALUES: Final = "values"
"""It has the values that are the owner's own."""
NEW_SCHEMA: Final = "after a change of the schema"
NEW_MACHINE: Final = "on the new machine"
_SKIPPED: Final = "not tried: "
_NOT_IN_CONTAINER: Final = "not in a container: "
_NOTES: Final = (VALUES, NEW_SCHEMA, NEW_MACHINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A block of shell commands."""

    heading: str
    """Of the part it stands in, without its number."""
    script: str
    note: str = ""
    """What stands before it for whoever tries the page."""

    def why_not(self, *, contained: bool) -> str:
        """Why it is not tried, on a machine or in a container; empty if it is."""
        for beginning in (_SKIPPED, _NOT_IN_CONTAINER) if contained else (_SKIPPED,):
            if self.note.startswith(beginning):
                return self.note.removeprefix(beginning)
        return ""


def blocks(page: Path) -> list[Block]:
    """All of them. Raises `ValueError` for a note that says nothing known."""
    found = []
    for part in _PART.split(page.read_text(encoding="utf-8")):
        heading = re.sub(r"^#+ (\d+\. )?", "", part.partition("\n")[0])
        for block in _BLOCK.finditer(part):
            note = block["note"] or ""
            if note and note not in _NOTES and not note.startswith((_SKIPPED, _NOT_IN_CONTAINER)):
                raise ValueError(f"{page}, {heading}: what does {note!r} mean?")
            found.append(Block(heading, block["script"], note))
    return found
