"""The help of `chatserver top`: keys, and what the figures mean."""

from typing import Final

from chatserver.top.cells import DIM, PLAIN, STRONG, TITLE, Glyphs, Line, Piece, fitted

_KEYS: Final = (
    ("q", "quit"),
    ("p, Space", "let the picture stand still, or go on"),
    ("s", "order the chats by deliveries, messages or sessions"),
    ("+ -", "ask less or more often"),
    ("?", "this help, and back"),
)
_FIGURES: Final = (
    ("graphs", "the highest value of every five seconds, now at the right; latencies: p99"),
    ("messages", "events added to chats, and how many sessions they were delivered to"),
    ("send to ack", "from taking a message to its ack, the fsync included"),
    ("to delivery", "from the commit to its being written to every session"),
    ("commit, fsync", "a whole transaction, and its last step alone"),
    ("loop lag", "how late the server comes to what is due; above 0.1 s it has too much to do"),
    ("slow sockets", "what waits for clients that read too slowly"),
    ("chats", "by id, a minute, what is older than 20 s counts half; names: see --names"),
    ("statements", "on the database: runs a second and p99 of the last minute, the worst ever"),
    ("what went wrong", "in the last minute / since the server's start"),
)
_WIDTH: Final = 16


def help_page(width: int, height: int, marks: Glyphs) -> list[Line]:
    """As many lines as the height."""
    lines: list[Line] = [[Piece("chatserver top", TITLE), Piece("   any figure in colour is worth a look", DIM)], []]
    lines += [[Piece(key.ljust(_WIDTH), STRONG), Piece(text, PLAIN)] for key, text in _KEYS]
    lines += [[Piece(marks.rule * width, DIM)]]
    lines += [[Piece(name.ljust(_WIDTH), STRONG), Piece(text, PLAIN)] for name, text in _FIGURES]
    lines += [[]] * (height - len(lines))
    return [fitted(line, width) for line in lines[:height]]
