"""What can be done everywhere."""

from typing import Final

from chatterm.tui.actions.model import Action


def _command(feature: str, name: str, title: str, commands: str, argument: str = "") -> Action:
    """Something that is asked for in words."""
    return Action(name, "global", (), title, "", feature, tuple(commands.split()), argument)


ACTIONS: Final[tuple[Action, ...]] = (
    Action(
        "search",
        "global",
        ("ctrl+f",),
        "Search messages",
        "search",
        feature="search",
        commands=("search", "find"),
        argument="[WORDS...]",
    ),
    Action(
        "search_here",
        "global",
        ("ctrl+shift+f", "alt+s"),
        "Search in this conversation",
        feature="search",
        commands=("here",),
        argument="[WORDS...]",
    ),
    Action(
        "dnd",
        "global",
        (),
        "Do not disturb for a while",
        feature="dnd",
        commands=("dnd",),
        argument="[TIME|off]",
    ),
    Action("retry_now", "global", ("ctrl+r",), "Connect now; sign in again if signed out"),
    Action("retry_failed", "global", ("alt+r",), "Send the newest failed message again", feature="outbox"),
    Action("edit_unsent", "global", ("alt+e",), "Take the newest unsent message back to edit", feature="outbox"),
    Action("discard_failed", "global", ("alt+x",), "Discard the newest failed message", feature="outbox"),
    Action("outbox", "global", ("alt+o",), "What is not sent yet, and why", feature="outbox", commands=("outbox",)),
    Action("attach", "global", ("ctrl+o",), "Attach files", "", "attaching", ("file", "attach"), "[PATH...]"),
    Action("detach", "global", (), "Take an attached file off", "", "attaching", ("detach",), "[NUMBER]"),
    Action("transfers", "global", ("ctrl+t",), "Uploads and downloads", "", "transfers", ("transfers",)),
    Action("problems", "global", (), "What went wrong lately", feature="problems", commands=("problems",)),
    Action("switch_theme", "global", ("f2",), "Next colours"),
    Action("settings", "global", ("f3",), "Settings", feature="customizing", commands=("settings",)),
    Action("configure_keys", "global", (), "Keys", feature="customizing", commands=("keys",)),
    Action("theme", "global", (), "Choose colours", feature="customizing", commands=("theme",), argument="[NAME]"),
    Action("accounts", "global", ("f4",), "Other accounts", feature="accounts", commands=("accounts",)),
    Action("sign_in", "global", (), "Sign in again, or to one more account", feature="accounts", commands=("login",)),
    Action("sign_out", "global", (), "Sign out", feature="accounts", commands=("logout",)),
    Action("sessions", "global", (), "Where you are signed in", feature="own_account", commands=("sessions",)),
    Action("profile", "global", (), "Your name, status and picture", feature="own_account", commands=("profile",)),
    Action("change_password", "global", (), "Change your password", feature="own_account", commands=("password",)),
    Action("invitations", "global", (), "Invite people", feature="own_account", commands=("invitations",)),
    Action("delete_account", "global", (), "Delete your account", feature="own_account", commands=("delete-account",)),
    Action("redraw", "global", ("ctrl+l",), "Draw the screen again"),
    Action("help", "global", ("f1",), "This help", "help", "customizing", ("help",), "[COMMAND]"),
    Action("interrupt", "global", ("ctrl+c",), "Copy what is selected, else clear what you wrote"),
    Action("suspend", "global", (), "Stop and give the shell its terminal; fg goes on", commands=("suspend",)),
    Action("leave", "global", ("ctrl+q",), "Quit; what is queued is sent next time", "quit", commands=("quit",)),
    _command("people", "message_person", "Write to a person, or open the chat with them", "msg query", "PERSON [TEXT]"),
    _command("people", "show_person", "Who that is: address, status, when last seen", "whois", "[PERSON]"),
    _command("groups", "make_group", "Make a group", "group", "[TITLE]"),
    _command("groups", "members", "Members of this group", "members names"),
    _command("groups", "invite", "Add people to this group", "invite", "[PERSON, ...]"),
    _command("groups", "kick", "Remove a member from this group", "kick remove", "MEMBER"),
    _command("groups", "hand_over", "Make another member the owner of this group", "owner", "MEMBER"),
    _command("groups", "rename_group", "Rename this group", "rename", "[TITLE]"),
    _command("groups", "set_topic", "Say what this group is about", "topic", "[TEXT]"),
    _command("groups", "leave_group", "Leave this group", "leave part"),
    _command("chat_settings", "mute_chat", "Mute this chat", "mute", "[1h|8h|2d|forever]"),
    _command("chat_settings", "unmute_chat", "Unmute this chat", "unmute"),
    _command("chat_settings", "archive_chat", "Archive this chat", "archive"),
    _command("chat_settings", "unarchive_chat", "Bring this chat back from the archive", "unarchive"),
    _command("chat_settings", "pin_chat", "Pin this chat to the top of the list", "pin"),
    _command("chat_settings", "unpin_chat", "Do not keep this chat at the top any more", "unpin"),
    _command("myself", "change_name", "Change your name", "nick", "[NAME]"),
    _command("myself", "set_status", "Change your status", "status", "[TEXT]"),
    _command("myself", "go_away", "Be away for others until you are back", "away", "[TEXT]"),
    _command("myself", "come_back", "Be there again", "back"),
)
