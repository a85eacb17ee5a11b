"""Sets of keys for hands that know another program; what a set does not name has its default keys."""

from collections.abc import Mapping
from typing import Final

Keys = Mapping[str, tuple[str, ...]]

_VIM: Final[Keys] = {
    "search": ("ctrl+f", "slash"),
    "palette": ("ctrl+p", "colon"),
    "start_command": ("exclamation_mark",),
    "message_up": ("k", "up"),
    "message_down": ("j", "down"),
    "message_page_up": ("ctrl+u", "ctrl+b", "pageup"),
    "message_page_down": ("ctrl+d", "pagedown"),
    "first_message": ("g", "home"),
    "last_message": ("G", "end"),
    "to_clients": ("h", "left"),
    "to_writing": ("i", "escape"),
    "who_has_seen": ("I",),
    "cursor_up": ("k", "up"),
    "cursor_down": ("j", "down"),
    "list_page_up": ("ctrl+u", "ctrl+b", "pageup"),
    "list_page_down": ("ctrl+d", "pagedown"),
    "first": ("g", "home"),
    "last": ("G", "end"),
    "choose": ("enter", "l"),
    "back": ("escape", "i"),
}
_EMACS: Final[Keys] = {
    "search": ("ctrl+s",),
    "palette": ("alt+x",),
    "jump": ("alt+g",),
    "find_in_list": ("alt+shift+g",),
    "discard_failed": ("alt+z",),
    "page_up": ("alt+v", "pageup"),
    "page_down": ("ctrl+v", "pagedown"),
    "oldest": ("alt+less_than_sign", "ctrl+home"),
    "newest": ("alt+greater_than_sign", "ctrl+end"),
    "up": ("up", "ctrl+p"),
    "down": ("down", "ctrl+n"),
    "right": ("right", "ctrl+f"),
    "delete_to_end": ("ctrl+k", "alt+k"),
    "undo": ("ctrl+underscore", "ctrl+z"),
    "message_up": ("ctrl+p", "up", "k"),
    "message_down": ("ctrl+n", "down", "j"),
    "message_page_up": ("alt+v", "pageup"),
    "message_page_down": ("ctrl+v", "pagedown"),
    "first_message": ("alt+less_than_sign", "home", "g"),
    "last_message": ("alt+greater_than_sign", "end", "G"),
    "to_writing": ("escape", "ctrl+g"),
    "cursor_up": ("up", "ctrl+p"),
    "cursor_down": ("down", "ctrl+n"),
    "list_page_up": ("pageup", "alt+v"),
    "list_page_down": ("pagedown", "ctrl+v"),
    "first": ("home", "alt+less_than_sign"),
    "last": ("end", "alt+greater_than_sign"),
    "back": ("escape", "ctrl+g"),
}
PRESETS: Final[Mapping[str, Keys]] = {"default": {}, "vim": _VIM, "emacs": _EMACS}
