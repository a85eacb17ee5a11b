"""Numbered, forward-only schema changes, one folder of SQL scripts per engine."""

from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Migration:
    """One step from schema `number - 1` to `number`."""

    number: int
    name: str
    script: str


def load(engine: str) -> list[Migration]:
    """The migrations of an engine in ascending order: `NNNN_name.sql`, numbered from 1 without gaps."""
    found = []
    for entry in files(__name__).joinpath(engine).iterdir():
        if entry.name.endswith(".sql"):
            number, _, name = entry.name.removesuffix(".sql").partition("_")
            found.append(Migration(int(number), name, entry.read_text(encoding="utf-8")))
    found.sort(key=lambda migration: migration.number)
    assert [migration.number for migration in found] == list(range(1, len(found) + 1))
    return found
