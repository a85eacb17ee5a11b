"""What keys do in the composer."""

from typing import Final

from chatterm.tui.actions.model import Action

ACTIONS: Final[tuple[Action, ...]] = (
    Action("submit", "composer", ("enter",), "Send"),
    Action("newline", "composer", ("alt+enter", "shift+enter", "ctrl+j"), "New line"),
    Action("left", "composer", ("left", "ctrl+b"), "Left"),
    Action("right", "composer", ("right",), "Right"),
    Action("up", "composer", ("up",), "Line up"),
    Action("down", "composer", ("down",), "Line down"),
    Action("word_left", "composer", ("ctrl+left", "alt+left", "alt+b"), "Word left"),
    Action("word_right", "composer", ("ctrl+right", "alt+right", "alt+f"), "Word right"),
    Action("line_start", "composer", ("home", "ctrl+a"), "Start of the line"),
    Action("line_end", "composer", ("end", "ctrl+e"), "End of the line"),
    Action("backspace", "composer", ("backspace", "ctrl+h"), "Delete to the left"),
    Action("delete", "composer", ("delete", "ctrl+d"), "Delete to the right"),
    Action("delete_word_left", "composer", ("ctrl+w", "alt+backspace"), "Delete the word to the left"),
    Action("delete_word_right", "composer", ("alt+d", "ctrl+delete"), "Delete the word to the right"),
    Action("delete_to_start", "composer", ("ctrl+u",), "Delete to the start of the line"),
    Action("delete_to_end", "composer", ("alt+k",), "Delete to the end of the line"),
    Action("undo", "composer", ("ctrl+z", "ctrl+underscore"), "Undo"),
    Action("redo", "composer", ("ctrl+y",), "Redo"),
    Action("select_left", "composer", ("shift+left",), "Select to the left"),
    Action("select_right", "composer", ("shift+right",), "Select to the right"),
    Action("select_up", "composer", ("shift+up",), "Select upwards"),
    Action("select_down", "composer", ("shift+down",), "Select downwards"),
    Action("select_word_left", "composer", ("ctrl+shift+left",), "Select the word to the left"),
    Action("select_word_right", "composer", ("ctrl+shift+right",), "Select the word to the right"),
    Action("select_line_start", "composer", ("shift+home",), "Select to the start of the line"),
    Action("select_line_end", "composer", ("shift+end",), "Select to the end of the line"),
    Action("cut", "composer", ("ctrl+x",), "Cut what is selected"),
    Action("copy", "composer", ("alt+w",), "Copy what is selected"),
    Action("edit_outside", "composer", (), "Write in $EDITOR; Ctrl+X Ctrl+E", feature="writing", commands=("editor",)),
    Action("older_text", "composer", ("alt+p",), "Text sent before"),
    Action("newer_text", "composer", ("alt+n",), "Text sent after it"),
    Action("edit_last", "composer", (), "Edit your last message; Line up if nothing is written", feature="writing"),
    Action("say_doing", "composer", (), "Say what you do", feature="writing", commands=("me",), argument="TEXT"),
    Action("shrug", "composer", (), "Shrug", feature="writing", commands=("shrug",), argument="[TEXT]"),
    Action("to_messages", "composer", ("escape",), "To the messages, to do something with one of them"),
)
