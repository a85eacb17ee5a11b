"""Small exports of other chat systems, in the forms that these systems write."""

import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

CONTENT = b"a file of a few bytes"


def write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1), encoding="utf-8")


def slack(folder: Path) -> Path:
    """Two people, a bot, a former colleague; a channel with all kinds of messages, a direct and a group message."""
    write_json(folder / "users.json", SLACK_USERS)
    channel = {
        "id": "C1",
        "name": "garden",
        "created": 1700000000,
        "creator": "U1",
        "members": ["U1", "U2"],
        "topic": {"value": "Pears &amp; apples"},
        "purpose": {"value": ""},
        "pins": [{"id": "1700000100.000200", "type": "C"}],
    }
    write_json(folder / "channels.json", [channel])
    write_json(folder / "dms.json", [{"id": "D1", "created": 1700000000, "members": ["U1", "U2"]}])
    mpim = {"id": "G1", "name": "mpdm-anna--ben--old-1", "created": 1700000000, "members": ["U1", "U2", "U3"]}
    write_json(folder / "mpims.json", [mpim])
    write_json(folder / "garden/2023-11-14.json", SLACK_FIRST_DAY)
    write_json(folder / "garden/2023-11-15.json", SLACK_SECOND_DAY)
    write_json(
        folder / "D1/2023-11-15.json", [{"type": "message", "user": "U2", "ts": "1700050000.000100", "text": "psst"}]
    )
    write_json(
        folder / "mpdm-anna--ben--old-1/2023-11-15.json",
        [{"type": "message", "user": "U3", "ts": "1700050001.000100", "text": "all three"}],
    )
    return folder


SLACK_USERS: list[dict[str, Any]] = [
    {"id": "U1", "team_id": "T1", "name": "anna", "deleted": False,
     "profile": {"real_name": "Anna Ast", "display_name": "Anna", "email": "Anna@example.org"}},
    {"id": "U2", "team_id": "T1", "name": "ben", "deleted": False,
     "profile": {"real_name": "Ben", "display_name": "", "email": "ben@example.org"}},
    {"id": "U3", "team_id": "T1", "name": "old", "deleted": True,
     "profile": {"real_name": "Olga", "display_name": "Olga", "email": "olga@example.org"}},
    {"id": "B9U", "team_id": "T1", "name": "buildbot", "is_bot": True, "profile": {"real_name": "CI"}},
]  # fmt: skip
SLACK_FIRST_DAY: list[dict[str, Any]] = [
    {"type": "message", "subtype": "channel_join", "user": "U2", "ts": "1700000050.000100",
     "text": "<@U2> has joined the channel"},
    {"type": "message", "user": "U1", "ts": "1700000100.000200", "thread_ts": "1700000100.000200", "reply_count": 1,
     "text": "Hello <@U2>, see <https://example.org/a?b=1|the plan> in <#C1|garden> &lt;now&gt; *today* :+1:",
     "reactions": [{"name": "heart", "users": ["U2"], "count": 1},
                   {"name": "partyparrot", "users": ["U2"], "count": 1}],
     "edited": {"user": "U1", "ts": "1700000110.000000"}},
    {"type": "message", "user": "U2", "ts": "1700000200.000100", "thread_ts": "1700000100.000200",
     "parent_user_id": "U1", "text": "On it <!here>"},
    {"type": "message", "user": "U1", "ts": "1700000300.000100", "text": "",
     "files": [{"id": "F1", "name": "pear.png", "url_private": "https://files.slack.com/F1/pear.png?t=xoxe-secret"}]},
]  # fmt: skip
SLACK_SECOND_DAY: list[dict[str, Any]] = [
    {"type": "message", "subtype": "bot_message", "bot_id": "B7", "username": "deploy", "ts": "1700040000.000100",
     "text": "", "attachments": [{"title": "Build 7", "title_link": "https://ci.example.org/7", "text": "passed"}]},
    {"type": "message", "subtype": "me_message", "user": "U2", "ts": "1700040001.000100", "text": "waves"},
    {"type": "message", "subtype": "channel_topic", "user": "U1", "ts": "1700040002.000100",
     "topic": "Pears &amp; apples", "text": "set the channel topic"},
    {"type": "message", "subtype": "tombstone", "user": "USLACKBOT", "ts": "1700040003.000100", "text": "deleted"},
]  # fmt: skip


def zipped(folder: Path, target: Path, *, stored: bool = False) -> Path:
    """A folder as a ZIP file, `stored` without compression."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder).as_posix())
    return target


def tarred(folder: Path, target: Path) -> Path:
    """A folder as a .tar.gz file, within a folder of its own as Zulip has it."""
    with tarfile.open(target, "w:gz") as archive:
        archive.add(folder, "zulip-export-x")
    return target


def mattermost(folder: Path) -> Path:
    """A team, two users, a channel with a thread, reactions and a file, and a direct channel."""
    membership = [{"name": "crew", "channels": [{"name": "town", "favorite": False}]}]
    reply = {"user": "ben", "message": "Yes @anna", "create_at": 1700000002000, "reactions": [
        {"user": "anna", "emoji_name": "thumbsup", "create_at": 1700000003000}]}  # fmt: skip
    post = {
        "team": "crew", "channel": "town", "user": "anna", "message": "Shall we? @all", "create_at": 1700000000000,
        "edit_at": 1700000001500, "is_pinned": True, "replies": [reply],
        "attachments": [{"path": "20231114/a/pear.png"}],
    }  # fmt: skip
    later = {
        "team": "crew",
        "channel": "town",
        "user": "ben",
        "message": "before the reply",
        "create_at": 1700000001000,
    }
    lines: list[dict[str, Any]] = [
        {"type": "version", "version": 1},
        {"type": "team", "team": {"name": "crew", "display_name": "Crew", "type": "O"}},
        {"type": "channel", "channel": {"team": "crew", "name": "town", "display_name": "Town Square", "header": "Hi"}},
        {"type": "user", "user": {
            "username": "anna", "email": "anna@example.org", "first_name": "Anna", "teams": membership}},
        {"type": "user", "user": {"username": "ben", "email": "ben@example.org", "delete_at": 5, "teams": membership}},
        {"type": "post", "post": post},
        {"type": "post", "post": later},
        {"type": "direct_channel", "direct_channel": {"members": ["anna", "ben"]}},
        {"type": "direct_post", "direct_post": {
            "channel_members": ["anna", "ben"], "user": "ben", "message": "psst", "create_at": 1700000009000}},
    ]  # fmt: skip
    folder.mkdir(parents=True)
    (folder / "import.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    file = folder / "data/20231114/a/pear.png"
    file.parent.mkdir(parents=True)
    file.write_bytes(CONTENT)
    return folder


def zulip(folder: Path) -> Path:
    """A stream with two topics, a direct and a group conversation, reactions, an edit, an uploaded file."""

    def user(number: int, name: str, **more: Any) -> dict[str, Any]:
        email = f"{name.lower()}@example.org"
        return {"id": number, "full_name": name, "delivery_email": email, "is_active": True, "is_bot": False, **more}

    def message(number: int, sender: int, recipient: int, subject: str, content: str, **more: Any) -> dict[str, Any]:
        return {"id": number, "sender": sender, "recipient": recipient, "subject": subject, "content": content,
                "date_sent": 1700000000 + number + 0.25, "last_edit_time": None, **more}  # fmt: skip

    write_json(folder / "realm.json", {
        "zerver_realm": [{"id": 2, "string_id": "garden", "uuid": "11-22"}],
        "zerver_userprofile": [user(10, "Anna"), user(11, "Ben"), user(12, "Olga", is_active=False)],
        "zerver_userprofile_crossrealm": [{"id": 5, "email": "welcome-bot@zulip.com"}],
        "zerver_stream": [{"id": 7, "name": "garden", "description": "All green", "date_created": 1699999999.0}],
        "zerver_recipient": [{"id": 70, "type": 2, "type_id": 7}, {"id": 71, "type": 1, "type_id": 11},
                             {"id": 72, "type": 3, "type_id": 1}],
        "zerver_subscription": [
            {"recipient": 70, "user_profile": 10, "active": True},
            {"recipient": 70, "user_profile": 11, "active": True},
            *({"recipient": 72, "user_profile": number, "active": True} for number in (10, 11, 12))],
        "zerver_reaction": [
            {"message": 1, "user_profile": 11, "emoji_code": "1f44d", "emoji_name": "+1",
             "reaction_type": "unicode_emoji"},
            {"message": 1, "user_profile": 11, "emoji_code": "9", "emoji_name": "x", "reaction_type": "realm_emoji"}],
    })  # fmt: skip
    write_json(folder / "messages-000001.json", {"zerver_usermessage": [], "zerver_message": [
        message(1, 10, 70, "pears", "Hi @**Ben|11** :tada: see #**garden>pears**", last_edit_time=1700000050.5),
        message(2, 11, 70, "pears", "[pear.png](/user_uploads/2/ab/pear.png)"),
    ]})  # fmt: skip
    write_json(folder / "messages-000002.json", {"zerver_message": [
        message(3, 11, 70, "apples", "@**all** other topic"),
        message(4, 10, 71, "", "psst"),
        message(5, 12, 72, "", "all three"),
        message(6, 5, 71, "", "Welcome!"),
    ]})  # fmt: skip
    upload = folder / "uploads/2/ab/pear.png"
    upload.parent.mkdir(parents=True)
    upload.write_bytes(CONTENT)
    return folder


def weechat(folder: Path) -> Path:
    """A channel, a server's buffer, actions, joins, several lines, a line in another encoding."""
    folder.mkdir(parents=True)
    (folder / "irc.libera.#garden.weechatlog").write_bytes(
        b"2024-03-01 10:00:00\t-->\tanna (~a@host) has joined #garden\n"
        b"2024-03-01 10:00:01\t@anna\thello \x0304red\x03 and \x02bold\x02\n"
        b"2024-03-01 10:00:01\t@anna\thello \x0304red\x03 and \x02bold\x02\n"
        b"2024-03-01 10:00:02\t *\tben waves\n"
        b"2024-03-01 10:00:03\tben\tfirst line\nsecond line\n"
        b"2024-03-01 10:00:04\tben\tna\xefve\n"
        b"2024-03-01 10:00:05\t--\tben is now known as ben_\n"
    )
    (folder / "irc.server.libera.weechatlog").write_text("2024-03-01 09:59:59\t--\twelcome\n")
    (folder / "core.weechat.weechatlog").write_text("2024-03-01 09:59:59\t\tPlugins loaded\n")
    return folder


def irssi(folder: Path) -> Path:
    """A channel over two days with actions, notices, joins and a nick in brackets; and a query."""
    (folder / "libera").mkdir(parents=True)
    (folder / "libera/#garden.log").write_text(
        "--- Log opened Fri Mar 01 10:00:00 2024\n"
        "10:00 -!- anna [~a@host] has joined #garden\n"
        "10:01 <@anna> hello\n"
        "10:01 < ben> ok\n"
        "10:01 < ben> ok\n"
        "10:02  * ben waves\n"
        "10:03 -ChanServ:#garden- be nice\n"
        "--- Day changed Sat Mar 02 2024\n"
        "00:01 < ben> <anna> said it\n"
        "--- Log closed Sat Mar 02 00:02:00 2024\n"
    )
    (folder / "libera/ben.log").write_text("--- Log opened Fri Mar 01 11:00:00 2024\n11:00 <ben> psst\n")
    return folder
