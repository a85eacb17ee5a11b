"""Every setting in words: its name for people and a sentence, for the settings screen and the documentation."""

from typing import Final

PARTS: Final = {
    "look": "Look",
    "keys": "Keys",
    "compose": "Writing",
    "notifications": "Notifications",
    "files": "Files",
}
SETTINGS: Final[dict[tuple[str, str], tuple[str, str]]] = {
    ("look", "theme"): ("Colours", "auto is dark or day as the terminal is; your own lie in the folder themes."),
    ("look", "density"): ("Density", "How close messages stand."),
    ("look", "images"): ("Pictures", "How they are drawn; auto goes by what the terminal can."),
    ("look", "markdown"): ("Markdown", "Draw *emphasis*, lists and code as such."),
    ("look", "list_width"): ("Width of the client list", "In cells, 16 to 80."),
    ("keys", "preset"): ("Set of keys", "What hands know from another program."),
    ("keys", "bindings"): ("Own keys", "Keys by name of action, in place of those of the set."),
    ("compose", "typing_notices"): ("Tell that you write", "Others see that you are writing to them."),
    ("compose", "emoji_shortcodes"): ("Emoji by name", "Turn :smile: into the emoji when a message is sent."),
    ("notifications", "direct"): ("Direct messages", "Tell of messages to you alone."),
    ("notifications", "groups"): ("Groups", "Tell of all messages in groups, of those that mention you, or of none."),
    ("notifications", "toast"): ("Inside the window", "Show news of other chats in a corner for a moment."),
    ("notifications", "bell"): ("Bell", "Ring the terminal's bell."),
    ("notifications", "terminal"): ("By the terminal", "The escape sequence that tells the terminal; auto guesses it."),
    ("notifications", "desktop"): ("On the desktop", "Tell the desktop itself where that is possible."),
    ("notifications", "show_text"): ("Quote the message", "Outside the window, too, the text may be read."),
    ("notifications", "quiet_hours"): ("Quiet hours", "When nothing is told, as 22:00-07:00; empty for never."),
    ("files", "downloads"): ("Downloads", "The folder for them; empty is the one of the desktop."),
}
