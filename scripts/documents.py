"""Documentation that is made from the code, and the check that it is not stale: one subcommand for each kind."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from chatserver.bench.record import Record
from chatserver.cli import build_parser as server_parser
from chatserver.exporting.records import AnyRecord
from chatserver.top.figures import Figures
from chatterm.cli import commands
from chatterm.cli.main import build_parser
from scripts import dashboards
from scripts.grafana import as_json
from scripts.interface_pages import keys_page, settings_page
from scripts.manual import page
from scripts.server_pages import server_settings_page

ROOT = Path(__file__).parent.parent
Pages = Mapping[Path, str]
"""What the files shall hold, by their paths below the root."""


def man_pages() -> Pages:
    """A page for each program, and one for each command of chatterm."""
    os.environ["COLUMNS"] = "80"  # what is wrapped must not depend on this terminal
    folder = Path("docs/man")
    pages = {
        folder / "chatterm.1": page(
            build_parser(),
            "chatterm",
            "chat in the terminal",
            see=[f"chatterm-{name}" for name in commands.NAMES],
            lists_commands=True,
        ),
        folder / "chatserver.1": page(server_parser(), "chatserver", "a light, self-hosted chat server"),
    }
    for name in commands.NAMES:
        command = commands.load(name)
        parser = build_parser(name).command_parser(name)
        pages[folder / f"chatterm-{name}.1"] = page(parser, f"chatterm-{name}", command.HELP, see=["chatterm"])
    return pages


def guide_pages() -> Pages:
    """The pages of the guide that list keys and settings."""
    folder = Path("docs/guide")
    return {folder / "keys.md": keys_page(), folder / "settings.md": settings_page()}


def schema_pages() -> Pages:
    """The JSON Schemas of what commands of the server print, from the types that they print."""
    printed = {
        "server-export": ("A line of chatserver export", AnyRecord),
        "top": ("What chatserver top --json prints", Figures),
        "bench": ("What chatserver bench --json prints", Record),
    }
    return {Path(f"docs/schema/{name}.json"): _schema(title, kind) for name, (title, kind) in printed.items()}


def _schema(title: str, kind: Any) -> str:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **msgspec.json.schema(kind)}
    return json.dumps(schema, indent=2) + "\n"


def dashboard_pages() -> Pages:
    """The dashboards that Grafana imports."""
    return {Path(f"deploy/grafana/dashboards/{one.name}.json"): as_json(one) for one in dashboards.ALL}


def server_pages() -> Pages:
    """The pages about the server that are made from its code."""
    return {Path("docs/server-settings.md"): server_settings_page()}


KINDS: Mapping[str, tuple[str, Callable[[], Pages]]] = {
    "dashboards": ("deploy/grafana/dashboards", dashboard_pages),
    "guide": ("docs/guide/keys.md and settings.md", guide_pages),
    "schema": ("those of docs/schema that are of the server's commands", schema_pages),
    "server": ("docs/server-settings.md", server_pages),
    "man": ("the manual pages in docs/man", man_pages),
}


def stale(pages: Pages) -> list[Path]:
    """Files that are missing, differ, or belong to nothing that is documented."""
    wrong = [path for path, text in pages.items() if not _holds(ROOT / path, text)]
    folders = {path.parent for path in pages if path.suffix == ".1"}
    left = [
        path.relative_to(ROOT)
        for folder in folders
        for path in (ROOT / folder).glob("*.1")
        if path.relative_to(ROOT) not in pages
    ]
    return sorted([*wrong, *left])


def _holds(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/docs", description="Write documentation that is made from the code.")
    kinds = "; ".join(f"{name}: {told}" for name, (told, _) in KINDS.items())
    parser.add_argument("kind", nargs="?", choices=sorted(KINDS), help=f"{kinds} (default: all)")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if something is stale")
    arguments = parser.parse_args()
    wrong = {kind: stale(KINDS[kind][1]()) for kind in ([arguments.kind] if arguments.kind else sorted(KINDS))}
    if arguments.check:
        for kind, paths in wrong.items():
            for path in paths:
                print(f"stale: {path}; run scripts/docs {kind}", file=sys.stderr)
        return 1 if any(wrong.values()) else 0
    for kind, paths in wrong.items():
        _write(KINDS[kind][1](), paths)
    return 0


def _write(pages: Pages, wrong: list[Path]) -> None:
    for path in wrong:
        file = ROOT / path
        if path in pages:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(pages[path])
        else:
            file.unlink()
        print(path)


if __name__ == "__main__":
    sys.exit(main())
