"""Search on this device: it finds what a plain reading of the cached messages finds, whatever was cached, and how."""

import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from msgspec.structs import replace

from chatproto.errors import ChatError
from chatproto.models import Change, FileInfo, LogEvent, Message, MessageChanged, User, event_id
from chatproto.search_query import SearchQuery, Sort, parse
from chatproto.search_snippets import matches
from chatterm.client.cache import Cache
from chatterm.client.errors import ClientError
from chatterm.client.finder_thread import Asked, Cursor, Reader, SearchResults, SearchStopped
from chatterm.client.search_indexer import BATCH, Indexer
from chatterm.client.search_names import SearchNames
from tests.unit.chatterm.client.samples import BELA, CSILLA, EPOCH, ME, direct, group

WORDS = ("tea", "Tee", "café", "CAFE", "grün", "apple", "apples", "東京", "👍", "https://example.org", "a-b", "tea,tea")
PEOPLE = (ME, BELA, CSILLA)
CHATS = (5, 6, 7)
FILE = FileInfo(id=9, name="plan.pdf", size=3, media_type="application/pdf")
NEVER = threading.Event()


@dataclass
class Device:
    """A cache, its index, and who reads it; with what a plain reading of the cache gives."""

    folder: Path
    cache: Cache = field(init=False)
    indexer: Indexer = field(init=False)
    reader: Reader = field(init=False)

    def __post_init__(self) -> None:
        self.cache = Cache.open(self.folder / "cache.db")
        self.cache.adopt(EPOCH, ME)
        self.fill()
        self.indexer = Indexer(self.index, self.folder / "cache.db")
        self.reader = Reader(self.folder / "cache.db", self.index)

    def fill(self) -> None:
        self.cache.store_users(PEOPLE)
        self.cache.store_chats([group(5, "Garden", 0), direct(6, BELA.id, 0), group(7, "Café Garden", 0)])

    @property
    def index(self) -> Path:
        return self.folder / "search.db"

    def follow(self) -> None:
        while self.indexer.step():
            pass

    def find(self, text: str, sort: Sort = "newest", limit: int = 20, before: Cursor | None = None) -> SearchResults:
        return self.reader.search(Asked(text, sort, limit, before), NEVER)

    def texts(self, text: str) -> list[str]:
        return [hit.message.text for hit in self.find(text).hits]

    def all_found(self, text: str, sort: Sort, limit: int) -> list[tuple[int, Message]]:
        """Every page of a search."""
        found: list[tuple[int, Message]] = []
        cursor = None
        while True:
            page = self.find(text, sort, limit, cursor)
            assert not page.incomplete
            assert len(page.hits) == limit or page.cursor is None
            found += [(hit.chat_id, hit.message) for hit in page.hits]
            cursor = page.cursor
            if cursor is None:
                return found

    def everything(self) -> list[tuple[int, Message]]:
        return [
            (chat_id, event)
            for chat_id in CHATS
            for event in self.cache.events(chat_id, 1, 1_000_000)
            if isinstance(event, Message)
        ]

    def expected(self, text: str) -> list[tuple[int, Message]]:
        """What a plain reading finds, the newest first."""
        query, chats, without = SearchNames(self.reader._cache).query(parse(text, 2_000_000_000_000_000))
        return sorted(
            (
                (chat_id, message)
                for chat_id, message in self.everything()
                if matches(query, message) and _within(query, message.at)
                if (chats is None or chat_id in chats) and chat_id not in without
            ),
            key=lambda found: (-found[1].at, found[0]),
        )

    def close(self) -> None:
        self.reader.close()
        self.indexer.close()
        self.cache.close()


def _within(query: SearchQuery, at: int) -> bool:
    return (query.since or 0) <= at < (query.before if query.before is not None else 1 << 60)


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    device = Device(tmp_path)
    yield device
    device.close()


def said(chat_id: int, seq: int, text: str, sender: User = BELA, **more: object) -> Message:
    """A message; times of different chats meet in the same microsecond."""
    return Message(
        id=event_id(chat_id, seq),
        seq=seq,
        at=1_700_000_000_000_000 + seq,
        sender_id=sender.id,
        client_id=bytes([chat_id]) * 8 + seq.to_bytes(8, "big"),
        text=text,
        **more,  # type: ignore[arg-type] # the caller's fields
    )


def changed(chat_id: int, seq: int, message: Message) -> MessageChanged:
    change: Change = "deleted" if message.deleted else "edited"
    message = replace(message, rev=seq)
    return MessageChanged(
        id=event_id(chat_id, seq), seq=seq, at=1_700_000_000_000_000 + seq, sender_id=message.sender_id,
        change=change, message=message,
    )  # fmt: skip


def gone(message: Message) -> Message:
    return replace(message, text="", files=[], deleted=True)


@dataclass
class World:
    """Logs of a server, of which a device caches pieces in any order."""

    rng: random.Random
    logs: dict[int, list[LogEvent]] = field(default_factory=lambda: {chat_id: [] for chat_id in CHATS})

    def act(self, chat_id: int) -> None:
        log = self.logs[chat_id]
        kind = self.rng.random()
        messages = [event for event in log if isinstance(event, Message) and not event.deleted]
        seq = len(log) + 1
        if kind < 0.65 or not messages:
            text = " ".join(self.rng.choices(WORDS, k=self.rng.randint(1, 4)))
            files = [FILE] if self.rng.random() < 0.2 else []
            log.append(said(chat_id, seq, text, self.rng.choice(PEOPLE), files=files))
            return
        before = self.rng.choice(messages)
        after = gone(before) if kind < 0.8 else replace(before, text=" ".join(self.rng.choices(WORDS, k=2)))
        event = changed(chat_id, seq, after)
        log[before.seq - 1] = event.message
        log.append(event)

    def piece(self, chat_id: int) -> list[LogEvent]:
        log = self.logs[chat_id]
        first = self.rng.randrange(max(1, len(log)))
        return log[first : first + self.rng.randint(1, 12)]


def random_search(rng: random.Random) -> str:
    words = rng.choices(
        ["tea", "cafe", "gru*", "app*", "東", '"東 京"', "👍", "a-b", "nothing", '"tea tea"', "-tea", "-apple"], k=2
    )
    filters = rng.choices(
        ["", "from:me", "-from:béla", "in:@bela@example.org", "in:garden", '-in:"cafe garden"', "has:link", "-has:file",
         "has:file", "after:2023-11-14T22:13:20.000020Z", "before:2023-11-14T22:13:20.000050Z"], k=2,
    )  # fmt: skip
    return " ".join([*words[: rng.randint(0, 2)], *filters[: rng.randint(1, 2)]]) or "tea"


@pytest.mark.parametrize("seed", range(4))
def test_it_finds_what_a_plain_reading_of_the_cache_finds(tmp_path: Path, seed: int) -> None:
    """Pieces of logs in any order, edits, deletions, another process that writes, a dropped cache, a lost index."""
    rng = random.Random(seed)
    device, world = Device(tmp_path), World(rng)
    other = Cache.open(tmp_path / "cache.db")
    try:
        for turn in range(60):
            chat_id = rng.choice(CHATS)
            for _ in range(rng.randint(1, 8)):
                world.act(chat_id)
            writer = rng.choice([device.cache, other])
            writer.store_events(chat_id, world.piece(chat_id))
            if rng.random() < 0.3:
                device.indexer.step()
            if turn % 20 == 19:
                rng.choice([_lose, _reset])(device)
            if rng.random() < 0.4:
                device.follow()
                _check(device, random_search(rng), rng)
    finally:
        other.close()
        device.close()


def _lose(device: Device) -> None:
    device.index.unlink(missing_ok=True)


def _reset(device: Device) -> None:
    device.cache.reset(EPOCH + "'")
    device.fill()


def _check(device: Device, text: str, rng: random.Random) -> None:
    try:
        parse(text, 0)
    except ChatError:
        return
    expected = device.expected(text)
    newest = device.all_found(text, "newest", rng.randint(1, 9))
    assert sorted(newest, key=lambda found: (-found[1].at, found[0])) == expected
    assert [message.at for _, message in newest] == [message.at for _, message in expected]
    best = device.all_found(text, "relevance", rng.randint(1, 9))
    assert sorted(best, key=lambda found: (-found[1].at, found[0])) == expected


def test_the_newest_messages_are_indexed_first_and_what_may_be_missing_is_told(device: Device) -> None:
    """While a large cache is read, results down to a time are complete, and a search within it is not marked."""
    device.cache.store_events(5, [said(5, seq, f"tea {seq}") for seq in range(1, 4 * BATCH)])
    assert device.find("tea") == SearchResults((), incomplete=True)
    device.indexer.step()
    page = device.find("tea", limit=3)
    assert [hit.message.seq for hit in page.hits] == [4 * BATCH - 1, 4 * BATCH - 2, 4 * BATCH - 3]
    assert page.incomplete
    assert page.until == 1_700_000_000_000_000 + 3 * BATCH + 1
    assert not device.find("tea after:2999-01-01").incomplete
    device.follow()
    assert len(device.all_found("tea", "newest", 50)) == 4 * BATCH - 1


def test_deleted_words_leave_the_disk(device: Device) -> None:
    """After deleting, editing, or losing the whole copy, no byte of the index holds what was said."""
    secret = said(5, 1, "zwordfish zpasswort")
    device.cache.store_events(5, [secret, said(5, 2, "other words"), *(said(5, n, "tea time") for n in range(3, 99))])
    device.follow()
    assert device.texts("zwordfish") == ["zwordfish zpasswort"]
    device.cache.store_events(5, [changed(5, 99, gone(secret))])
    device.cache.store_events(5, [changed(5, 100, said(5, 2, "better"))])
    device.follow()
    while device.indexer.merge_step():
        pass
    assert device.texts("other") == []
    assert _on_disk(device, b"zwordfish") == _on_disk(device, b"zpasswort") == _on_disk(device, b"other words") == 0
    assert _on_disk(device, b"better") > 0
    device.cache.reset("another")
    device.follow()
    assert _on_disk(device, b"better") == 0


def _on_disk(device: Device, needle: bytes) -> int:
    """How often bytes stand in the index's files, once what is in its log has reached the file."""
    device.reader._close_index()
    device.indexer._close_index()
    return sum(path.read_bytes().count(needle) for path in device.folder.glob("search.db*"))


@pytest.mark.parametrize("damage", ["gone", "garbage", "cut", "of another cache"])
def test_an_index_that_cannot_be_used_is_made_anew(tmp_path: Path, damage: str) -> None:
    """It is only a copy; its file is the owner's alone."""
    device = Device(tmp_path / "one")
    device.cache.store_events(5, [said(5, seq, f"hello {seq}") for seq in range(1, 300)])
    device.follow()
    device.close()
    data = device.index.read_bytes()
    if damage == "gone":
        device.index.unlink()
    elif damage == "garbage":
        device.index.write_bytes(data[:100] + b"\xff" * 20_000)
    elif damage == "cut":
        device.index.write_bytes(data[: len(data) // 2])
    else:
        other = Device(tmp_path / "two")
        other.cache.store_events(5, [said(5, 1, "hello from elsewhere")])
        other.follow()
        other.close()
        device.index.write_bytes(other.index.read_bytes())
    device = Device(tmp_path / "one")
    for _ in range(3):  # damage may be met by any step; each goes on from there
        try:
            device.follow()
            assert len(device.all_found("hello", "newest", 40)) == 299
            break
        except ClientError as error:
            assert "damaged" in error.message
    assert device.texts("299") == ["hello 299"]
    assert device.index.stat().st_mode & 0o077 == 0
    device.close()


def test_several_processes_share_the_work(device: Device) -> None:
    """Two that index at once miss nothing and index nothing twice."""
    second = Indexer(device.index, device.folder / "cache.db")
    device.cache.store_events(5, [said(5, seq, f"tea {seq}") for seq in range(1, 3 * BATCH)])
    for number in range(6):
        (second if number % 2 else device.indexer).step()
        device.cache.store_events(6, [said(6, number + 1, "coffee")])
    device.follow()
    assert len(device.all_found("tea", "newest", 50)) == 3 * BATCH - 1
    assert len(device.all_found("coffee", "newest", 50)) == 6
    docs = device.indexer._index(device.reader._cache.copy()).execute("SELECT count(*) FROM docs").fetchone()[0]
    assert docs == 3 * BATCH - 1 + 6
    second.close()


def test_a_search_that_is_not_wanted_any_more_ends(device: Device) -> None:
    device.cache.store_events(5, [said(5, 1, "tea")])
    device.follow()
    stop = threading.Event()
    stop.set()
    with pytest.raises(SearchStopped):
        device.reader.search(Asked("tea", "newest", 9), stop)
    assert device.texts("tea") == ["tea"]


@pytest.mark.parametrize(
    ("text", "where", "why"),
    [
        ("tea from:nobody", "At character 5", "no user 'nobody'"),
        ("in:attic tea", "At character 1", "no chat 'attic'"),
        ("has:nothing", "At character 1", "has:file"),
        ("", "", "empty"),
    ],
)
def test_a_mistake_in_a_search_is_told_with_its_place(device: Device, text: str, where: str, why: str) -> None:
    with pytest.raises(ChatError) as refused:
        device.find(text)
    assert refused.value.code == "searchInvalid"
    assert where in str(refused.value)
    assert why in str(refused.value)


def test_names_are_understood_as_the_server_does(device: Device) -> None:
    """An id, an address, a name by its words, `me`; titles and direct chats; also names that came after a search."""
    device.cache.store_events(5, [said(5, 1, "tea of béla"), said(5, 2, "tea of anna", ME)])
    device.cache.store_events(6, [said(6, 1, "tea alone")])
    device.follow()
    assert device.texts("from:me") == device.texts("from:1") == device.texts("from:ANNA") == ["tea of anna"]
    assert device.texts("from:bela@example.org in:5") == ["tea of béla"]
    assert device.texts("in:@bela") == device.texts("in:6") == ["tea alone"]
    assert device.texts("in:garden tea") == ["tea of anna", "tea of béla"], "exactly so called, before more words"
    device.cache.store_users([User(id=4, email="d@example.org", display_name="Dénes Kis", rev=9)])
    device.cache.store_events(5, [said(5, 3, "tea of dénes", User(id=4, email="", display_name="", rev=1))])
    device.follow()
    assert device.texts("from:kis") == ["tea of dénes"]
