"""Messages that change in the cache: the newest state stays, in whatever order, and what was taken back is gone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from chatproto.frames import ChatSettings
from chatproto.models import (
    Change,
    ChatHead,
    FileInfo,
    Forwarded,
    LogEvent,
    Message,
    MessageChanged,
    Reaction,
    User,
    event_id,
)
from chatterm.client.cache import Cache
from chatterm.client.model import EntryRef
from tests.unit.chatterm.client.samples import BELA, EPOCH, ME, direct, group, message, messages

CHAT = 5
SECRET = "the password is swordfish "


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    cache = Cache.open(tmp_path / "cache.db")
    cache.adopt(EPOCH, ME)
    cache.store_users([ME, BELA])
    cache.store_chats([group(CHAT, "Garden", 0)])
    yield cache
    cache.close()


def edited(target: int, rev: int, text: str = "better") -> Message:
    return replace(message(CHAT, target), text=text, edited_at=rev, rev=rev)


def deleted(target: int, rev: int) -> Message:
    return replace(message(CHAT, target), text="", deleted=True, rev=rev)


def change(seq: int, after: Message, kind: Change = "edited") -> MessageChanged:
    return MessageChanged(id=event_id(CHAT, seq), seq=seq, at=seq, sender_id=2, change=kind, message=after)


def test_everything_a_message_has_comes_back(cache: Cache) -> None:
    full = Message(
        id="somewhere",
        seq=1,
        at=9,
        sender_id=2,
        client_id=b"x" * 16,
        text="see",
        reply_to=1,
        mentions=[1, 2],
        mention_all=True,
        files=[FileInfo(id=1, name="a.png", size=5, media_type="image/png", width=3, height=4, thumbnail=True)],
        forwarded=Forwarded(sender_id=7, at=3),
        edited_at=5,
        reactions=[Reaction(emoji="👍", user_ids=[1, 2])],
        pinned=True,
        rev=4,
    )
    cache.store_events(CHAT, [full])
    assert cache.events(CHAT, 1, 1) == [full]
    assert cache.messages(CHAT, [1, 2]) == {1: full}


def test_a_change_replaces_the_copy_and_a_late_one_does_not(cache: Cache) -> None:
    """Also in the changes themselves, which carry the message as it is known here by now."""
    cache.store_events(CHAT, messages(CHAT, 1, 3))
    stored = cache.store_events(CHAT, [change(5, edited(2, 5, "second"))])
    assert (stored.new, stored.changed) == ((5, 5), (2,))
    stored = cache.store_events(CHAT, [change(4, edited(2, 4, "first"))])
    assert (stored.new, stored.changed) == ((4, 4), ())
    assert cache.events(CHAT, 1, 5) == [
        message(CHAT, 1),
        edited(2, 5, "second"),
        message(CHAT, 3),
        change(4, edited(2, 5, "second")),
        change(5, edited(2, 5, "second")),
    ]
    assert cache.store_events(CHAT, [message(CHAT, 2)]) == (None, (), ())


def test_a_change_of_a_message_that_is_not_cached_brings_it(cache: Cache) -> None:
    """So a page that was read before the change cannot undo it, however late it comes."""
    assert cache.store_events(CHAT, [change(9, edited(2, 9))]).changed == (2,)
    assert cache.holes(CHAT, 1, 9) == [(1, 1), (3, 8)]
    cache.store_events(CHAT, messages(CHAT, 1, 8))
    assert cache.events(CHAT, 2, 2) == [edited(2, 9)]


def test_a_newer_state_in_a_page_is_taken_without_its_change(cache: Cache) -> None:
    cache.store_events(CHAT, messages(CHAT, 1, 3))
    assert cache.store_events(CHAT, [edited(3, 70)]) == (None, (), (3,))
    assert cache.events(CHAT, 3, 3) == [edited(3, 70)]


@pytest.mark.parametrize("length", [20, 3_000, 16_000])
def test_what_was_taken_back_is_in_no_file(tmp_path: Path, length: int) -> None:
    """Neither in the page of its row, nor in pages it had spilled over to, nor in the log."""
    folder = tmp_path / "account"
    cache = Cache.open(folder / "cache.db")
    cache.adopt(EPOCH, ME)
    text = (SECRET * length)[: max(length, len(SECRET))]
    cache.store_events(CHAT, [*messages(CHAT, 1, 40), replace(message(CHAT, 41), text=text)])
    cache.close()
    assert any(SECRET.encode() in path.read_bytes() for path in folder.iterdir())
    cache = Cache.open(folder / "cache.db")
    cache.store_events(CHAT, [change(42, deleted(41, 42), "deleted")])
    assert cache.events(CHAT, 41, 41) == [deleted(41, 42)]
    cache.close()
    assert not any(b"swordfish" in path.read_bytes() for path in folder.iterdir())


def test_a_deleted_message_is_not_unread_whatever_the_figure_said(cache: Cache) -> None:
    """With the log cached, with the server's figure alone, and with a figure that is older than the deletion."""
    cache.store_events(CHAT, [replace(each, mentions=[ME.id]) for each in messages(CHAT, 1, 3)])
    assert counts(cache) == (3, 3)
    cache.store_events(CHAT, [change(4, deleted(2, 4), "deleted")])
    assert counts(cache) == (2, 2)
    cache.store_heads([ChatHead(chat_id=CHAT, head=50, seen=0, unread=40, mentions=7)], 3)
    assert counts(cache) == (40, 7)
    cache.store_events(CHAT, [change(51, deleted(30, 51), "deleted")])
    assert counts(cache)[0] == 39
    assert cache.cursors(9) == [(CHAT, 50)]  # below the head, so that the server says its figures again


def counts(cache: Cache) -> tuple[int, int]:
    chat = cache.chat(CHAT)
    entry = cache.entry(EntryRef("chat", CHAT))
    assert chat is not None
    assert entry is not None
    assert (entry.unread, entry.mentions) == (chat.unread, chat.mentions)
    return chat.unread, chat.mentions


def test_own_messages_mention_nobody_here(cache: Cache) -> None:
    own = replace(message(CHAT, 2, ME.id), mention_all=True)
    cache.store_events(CHAT, [replace(message(CHAT, 1), mention_all=True), own])
    assert counts(cache) == (1, 1)


@pytest.mark.parametrize("target", [0, 4, 9])
def test_a_change_of_what_cannot_be_changed_changes_nothing(cache: Cache, target: int) -> None:
    """A server that names an event to come, or the change itself, is neither believed nor made to fail."""
    cache.store_events(CHAT, messages(CHAT, 1, 3))
    nonsense = change(4, replace(edited(1, 99), seq=target))
    assert cache.store_events(CHAT, [nonsense]).changed == ()
    assert cache.events(CHAT, 1, 9) == [*messages(CHAT, 1, 3), nonsense]


def test_a_change_of_what_is_no_message_is_kept_as_it_is(cache: Cache) -> None:
    cache.store_events(CHAT, [*messages(CHAT, 1, 2), change(3, edited(1, 3))])
    nonsense = change(4, edited(3, 4))
    assert cache.store_events(CHAT, [nonsense]).changed == ()
    log: list[LogEvent] = [edited(1, 3), message(CHAT, 2), change(3, edited(1, 3)), nonsense]
    assert cache.events(CHAT, 1, 4) == log


def test_a_chat_that_was_left_stays_readable_and_asks_for_nothing(cache: Cache) -> None:
    """Its row stays, nothing in it is unread, it is in no hello, and only news of being a member brings it back."""
    cache.store_events(CHAT, messages(CHAT, 1, 3))
    cache.store_heads([ChatHead(chat_id=CHAT, head=8, unread=8)], 4)
    cache.store_seen(CHAT, 2)
    cache.store_left([CHAT], 5)
    entry = cache.entry(EntryRef("chat", CHAT))
    assert entry is not None
    assert (entry.has_left, entry.unread, cache.has_left(CHAT)) == (True, 0, True)
    assert cache.events(CHAT, 1, 3) == messages(CHAT, 1, 3)
    assert (cache.cursors(9), cache.chats_behind(), cache.pending_seen(), cache.unknown_chats()) == ([], [], [], [])
    cache.store_chats([group(CHAT, "Garden", 9)])  # read before the removal, come after it
    assert cache.has_left(CHAT)
    cache.store_chats([group(CHAT, "Garden", 12)], useq=6)
    assert not cache.has_left(CHAT)
    assert cache.useq() == 6


def test_a_group_that_was_left_gives_its_name_to_one_that_was_not(cache: Cache) -> None:
    cache.store_chats([group(6, "garden", 1)])
    assert cache.group_by_title("Garden") == [CHAT, 6]
    cache.store_left([CHAT], 5)
    assert cache.group_by_title("Garden") == [6]
    cache.store_left([6], 6)
    assert cache.group_by_title("Garden") == [CHAT, 6]


def test_the_newest_settings_hold(cache: Cache) -> None:
    cache.store_settings(CHAT, ChatSettings(chat_id=CHAT, useq=9, pinned=True, muted_until=77, archived=True))
    cache.store_settings(CHAT, ChatSettings(chat_id=CHAT, useq=8))
    cache.store_chats([group(CHAT, "Garden", 3)], known_useq=7)
    chat = cache.chat(CHAT)
    assert chat is not None
    assert (chat.pinned, chat.muted_until, chat.archived, cache.useq()) == (True, 77, True, 9)


def test_people_who_cannot_be_written_to_are_listed_only_with_their_chat(cache: Cache) -> None:
    gone = User(id=2, email="", display_name="deleted", rev=9, deleted=True, status="", avatar=3)
    assert cache.entry(EntryRef("user", 2)) is not None
    assert cache.store_users([gone]) == (EntryRef("user", 2),)
    assert cache.entry(EntryRef("user", 2)) is None
    assert cache.user(2) == gone
    cache.store_chats([direct(7, 2, 1)])
    entry = cache.entry(EntryRef("chat", 7))
    assert entry is not None
    assert entry.name == "deleted"
