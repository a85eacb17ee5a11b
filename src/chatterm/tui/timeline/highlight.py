"""Colours for code: made in a thread, within bounds, and painted when they are there."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from textual.cache import LRUCache

from chatterm.tui.timeline.paint_body import Token

if TYPE_CHECKING:
    from pygments.token import _TokenType

log = logging.getLogger(__name__)

CODE_MAX: Final = 8_192
"""Characters of a piece of code that gets colours."""
LINE_MAX: Final = 500
"""Characters of its longest line: what makes lexers slow is long lines."""
SECONDS_MAX: Final = 0.5
"""After so long the rest of a piece stays without colours."""
KEPT: Final = 128
"""Pieces of code whose colours are remembered."""
WAITING_MAX: Final = 64
"""Pieces that wait for their turn; a piece that finds no room asks again when it is painted anew."""
LANGUAGES: Final = frozenset(
    (
        *("bash", "sh", "shell", "zsh", "console", "fish", "powershell", "ps1", "bat", "awk", "make", "makefile"),
        *("python", "py", "python3", "pycon", "js", "javascript", "jsx", "ts", "typescript", "tsx", "json", "jsonc"),
        *("html", "xml", "css", "scss", "sql", "graphql", "yaml", "yml", "toml", "ini", "cfg", "nginx", "docker"),
        *("dockerfile", "c", "cpp", "c++", "h", "csharp", "cs", "c#", "java", "kotlin", "kt", "go", "golang", "rust"),
        *("rs", "ruby", "rb", "php", "perl", "lua", "r", "swift", "scala", "haskell", "hs", "elixir", "erlang"),
        *("clojure", "ocaml", "zig", "nix", "diff", "udiff", "patch", "tex", "latex", "vim", "protobuf", "proto"),
    )
)
"""The names of languages that are looked at: well-known ones, whose lexers are known to be quick."""
_ALIASES: Final = {"patch": "diff", "h": "c", "proto": "protobuf", "jsonc": "json", "kt": "kotlin"}


def tokens_of(code: str, language: str) -> list[Token]:
    """The styled characters of a piece of code, in order; none for a language that is not known. May take a while."""
    if language not in LANGUAGES or len(code) > CODE_MAX or max(map(len, code.split("\n"))) > LINE_MAX:
        return []
    from pygments.lexers import get_lexer_by_name  # noqa: PLC0415 - 40 ms, and only in the thread
    from pygments.token import Token as Kinds  # noqa: PLC0415 - as above

    styles: dict[_TokenType, str] = {
        Kinds.Comment: "code-comment",
        Kinds.Keyword: "code-keyword",
        Kinds.Literal.String: "code-string",
        Kinds.Literal.Number: "code-number",
        **dict.fromkeys((Kinds.Name.Function, Kinds.Name.Class, Kinds.Name.Tag, Kinds.Name.Decorator), "code-name"),
        Kinds.Generic.Inserted: "code-string",
        Kinds.Generic.Deleted: "code-number",
        Kinds.Generic.Heading: "code-name",
        Kinds.Generic.Subheading: "code-keyword",
        Kinds.Generic.Prompt: "code-keyword",
    }
    end = time.monotonic() + SECONDS_MAX
    tokens: list[Token] = []
    last = 0
    for start, kind, text in get_lexer_by_name(_ALIASES.get(language, language)).get_tokens_unprocessed(code):
        name = styles.get(kind)
        if name is None:  # what is true of a kind is true of the kinds below it
            parents = (parent for parent in reversed(kind.split()) if parent in styles)
            name = styles[kind] = styles[found] if (found := next(parents, None)) is not None else ""
        if name and text and start >= last:
            first = tokens.pop()[0] if tokens and tokens[-1][1:] == (start, name) else start
            last = start + len(text)
            tokens.append((first, last, name))
        if time.monotonic() > end:
            break
    return tokens


class Highlighter:
    """Remembers the colours of pieces of code, and has those made that are not known yet."""

    def __init__(self, begin: Callable[[], None], changed: Callable[[], None]) -> None:
        """`begin` is to run `work` soon; `changed` is called when colours have become known."""
        self._begin = begin
        self._changed = changed
        self._known: LRUCache[tuple[str, str], Sequence[Token]] = LRUCache(KEPT)
        self._waiting: dict[tuple[str, str], None] = {}
        self._working = False

    def __call__(self, code: str, language: str) -> Sequence[Token]:
        """The colours of a piece of code, as far as they are known by now."""
        known = self._known.get((code, language))
        if known is not None:
            return known
        if language in LANGUAGES and len(self._waiting) < WAITING_MAX:
            self._waiting[code, language] = None
            if not self._working:
                self._working = True
                self._begin()
        return ()

    async def work(self) -> None:
        """Colour what waits, one piece after the other."""
        try:
            while self._waiting:
                code, language = next(iter(self._waiting))
                try:
                    found = await asyncio.to_thread(tokens_of, code, language)
                except Exception:  # a lexer's mistake must cost no more than its colours
                    log.exception("code in %s cannot be coloured", language)
                    found = []
                self._known[code, language] = found
                del self._waiting[code, language]
                if found:
                    self._changed()
        finally:
            self._working = False
