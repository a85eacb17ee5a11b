"""Search: what a store finds is what a plain reading of the messages finds, at once after every change."""

import random
from dataclasses import dataclass, field

import pytest

from chatproto.models import Chat, Message, User
from chatproto.search_query import SearchQuery, Sort
from chatproto.search_snippets import matches
from chatproto.search_text import Phrase
from chatserver.store.base import Store
from chatserver.store.interfaces.search import Found, FoundPage, Place
from tests.support.store import NOON, Backend, make_users, new_message, stored

WORDS = ("tea", "Tee", "café", "CAFE", "grün", "apple", "apples", "東京", "👍", "https://example.org", "a-b", "tea,tea")


def one_word(word: str) -> SearchQuery:
    return SearchQuery(wanted=(Phrase((word,)),))


async def find(
    store: Store, user: User, query: SearchQuery, *, sort: Sort = "newest", limit: int = 100, after: Place | None = None
) -> FoundPage:
    chats = await store.search_chats(user.id)
    page = await store.search(user.id, query, chats, sort=sort, limit=limit, after=after)
    assert not page.incomplete
    return page


async def texts(store: Store, user: User, query: SearchQuery) -> list[str]:
    return [found.message.text for found in (await find(store, user, query)).found]


async def say(store: Store, user: User, chat: Chat, *lines: str) -> None:
    stored(await store.append([new_message(user, line, chat_id=chat.id) for line in lines]))


async def everything(store: Store, user: User) -> dict[tuple[int, int], Message]:
    """Every message that a user may read, by reading the logs."""
    found: dict[tuple[int, int], Message] = {}
    for chat_id in await store.chat_ids(user.id):
        after, more = 0, True
        while more:
            page, more = await store.messages(chat_id, after_seq=after, limit=200)
            found |= {(chat_id, message.seq): message for message in page}
            after = page[-1].seq if page else after
    return found


def random_query(rng: random.Random, people: list[User]) -> SearchQuery:
    def phrase() -> Phrase:
        words = rng.choice(
            [("tea",), ("cafe",), ("grun",), ("apple",), ("東",), ("東", "京"), ("👍",), ("a", "b"), ("x",)]
        )
        prefix = rng.random() < 0.3 and words[-1].isascii() and len(words[-1]) > 1
        return Phrase((words[-1][:2],) if prefix else words, prefix)

    return SearchQuery(
        wanted=tuple(phrase() for _ in range(rng.randint(0, 2))),
        unwanted=tuple(phrase() for _ in range(rng.choice([0, 0, 1]))),
        senders=frozenset({rng.choice(people).id}) if rng.random() < 0.3 else None,
        not_senders=frozenset({rng.choice(people).id}) if rng.random() < 0.2 else frozenset(),
        has=frozenset({"link"}) if rng.random() < 0.1 else frozenset(),
        since=NOON + rng.randrange(60_000_000) if rng.random() < 0.2 else None,
        before=NOON + rng.randrange(60_000_000) if rng.random() < 0.2 else None,
    )


@dataclass
class Talk:
    """People who write, edit, delete and react at random."""

    store: Store
    backend: Backend
    rng: random.Random
    chats: list[Chat] = field(default_factory=list)
    members: dict[int, list[User]] = field(default_factory=dict)

    async def act(self) -> None:
        self.backend.clock.advance(self.rng.choice([0, 0, 0.5]))
        chat = self.rng.choice(self.chats)
        who = self.rng.choice(self.members[chat.id])
        text = " ".join(self.rng.choices(WORDS, k=self.rng.randint(1, 4)))
        own = [seq for (in_chat, seq), message in (await everything(self.store, who)).items()
               if in_chat == chat.id and message.sender_id == who.id and not message.deleted]  # fmt: skip
        kind = self.rng.random()
        if kind < 0.6 or not own:
            await say(self.store, who, chat, text)
        elif kind < 0.8:
            seq = self.rng.choice(own)
            await self.store.edit_message(who.id, chat.id, seq, text=text, mentions=(), mention_all=False)
        elif kind < 0.9:
            await self.store.delete_message(who.id, chat.id, self.rng.choice(own))
        else:
            await self.store.react(who.id, chat.id, self.rng.choice(own), "👍", on=True)


async def check(talk: Talk, user: User, query: SearchQuery) -> None:
    """What is found is exactly what a plain reading finds, on whatever pages and in the order asked for."""
    expected = {
        place: message
        for place, message in (await everything(talk.store, user)).items()
        if matches(query, message)
        and (query.since or 0) <= message.at < (query.before if query.before is not None else 1 << 60)
    }
    for sort in ("newest", "relevance"):
        found: list[Found] = []
        after = None
        while True:
            page = await find(talk.store, user, query, sort=sort, limit=talk.rng.randint(1, 9), after=after)
            found += page.found
            after = page.last
            if after is None:
                break
        places = [(each.place.chat_id, each.place.seq) for each in found]
        assert len(places) == len(set(places))
        assert {place: each.message for place, each in zip(places, found, strict=True)} == expected
        key = [(each.place.at, *place) for each, place in zip(found, places, strict=True)]
        if sort == "newest":
            assert key == sorted(key, reverse=True)
        else:
            scores = [(each.place.score, *rest) for each, rest in zip(found, key, strict=True)]
            assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("seed", range(4))
async def test_search_finds_what_a_plain_reading_finds(backend: Backend, seed: int) -> None:
    """Whatever is written, edited, deleted and searched, by whomever, in whatever order."""
    rng = random.Random(seed)
    async with backend.open() as store:
        people = await make_users(store, "Anna", "Bert", "Cleo")
        anna, bert, cleo = people
        groups = {"all": people, "two": [anna, bert], "others": [bert, cleo]}
        talk = Talk(store, backend, rng)
        for name, who in groups.items():
            chat = await store.create_group(who[0].id, name, [each.id for each in who[1:]])
            talk.chats.append(chat)
            talk.members[chat.id] = who
        for _ in range(12):
            for _ in range(rng.randint(1, 6)):
                await talk.act()
            await check(talk, rng.choice(people), random_query(rng, people))


async def test_deleted_words_leave_the_index(backend: Backend) -> None:
    """After a search nothing of what was edited away or deleted is in the index."""
    async with backend.open() as store:
        anna, bert = await make_users(store, "Anna", "Bert")
        chat = await store.open_direct(anna.id, bert.id)
        await say(store, anna, chat, "the swordfish password", "another thing")
        assert await texts(store, bert, one_word("swordfish")) == ["the swordfish password"]
        await store.edit_message(anna.id, chat.id, 1, text="never mind", mentions=(), mention_all=False)
        await store.delete_message(anna.id, chat.id, 2)
        assert await texts(store, bert, SearchQuery()) == ["never mind"]
        assert await texts(store, bert, SearchQuery(wanted=(Phrase(("swo",), prefix=True),))) == []


async def test_who_has_left_finds_nothing_of_the_group(store: Store) -> None:
    """From the removal on, also of what was written before it."""
    anna, bert = await make_users(store, "Anna", "Bert")
    group = await store.create_group(anna.id, "tea", [bert.id])
    await say(store, anna, group, "tea at five")
    chats = await store.search_chats(bert.id)
    assert await texts(store, bert, one_word("tea")) == ["tea at five"]
    await store.remove_member(anna.id, group.id, bert.id)
    assert await store.search_chats(bert.id) == []
    assert (await store.search(bert.id, one_word("tea"), chats, sort="newest", limit=9)).found == []


async def test_many_chats_and_many_matches(backend: Backend, store: Store) -> None:
    """More chats than are asked one by one, more matches than a page, words that begin in more ways than are tried."""
    anna, bert = await make_users(store, "Anna", "Bert")
    groups = [await store.create_group(anna.id, f"group {number}", [bert.id]) for number in range(80)]
    for number, group in enumerate(groups):
        backend.clock.advance(1)
        await say(store, anna, group, *(f"common common{number}x{part}" for part in range(4)), f"rare{number}")
    newest = await find(store, bert, one_word("common"), limit=100)
    assert [found.message.text for found in newest.found[:2]] == ["common common79x3", "common common79x2"]
    assert (len(newest.found), newest.last is not None) == (100, True)
    beginning = SearchQuery(wanted=(Phrase(("common",)), Phrase(("common7",), prefix=True)))
    assert len((await find(store, bert, beginning)).found) == 44
    assert await texts(store, bert, one_word("rare7")) == ["rare7"]
    ranked = await find(store, bert, SearchQuery(wanted=(Phrase(("rare",), prefix=True),)), sort="relevance")
    assert len(ranked.found) == 80


async def test_the_index_goes_on_where_it_ended(backend: Backend) -> None:
    """Messages of a time without an index, with one, and written by another process are all found."""
    async with backend.open() as store:
        anna, bert = await make_users(store, "Anna", "Bert")
        chat = await store.open_direct(anna.id, bert.id)
        await say(store, anna, chat, *(f"before {number}" for number in range(600)))
    async with backend.open() as store, backend.open(serving=False) as tool:
        assert (await find(store, bert, one_word("599"))).found
        await say(tool, bert, chat, "from a tool")
        assert await texts(store, anna, one_word("tool")) == ["from a tool"]
        await say(store, anna, chat, "last")
    async with backend.open() as store:
        assert await texts(store, bert, one_word("last")) == ["last"]
        assert len((await find(store, bert, one_word("before"), limit=1_000)).found) == 600


@pytest.mark.parametrize("damage", ["gone", "garbage", "of another database", "empty"])
async def test_an_index_that_cannot_be_used_is_made_anew(backend: Backend, damage: str) -> None:
    """It is a copy: whatever has become of its file, everything is found again."""
    async with backend.open() as store:
        anna, bert = await make_users(store, "Anna", "Bert")
        chat = await store.open_direct(anna.id, bert.id)
        await say(store, anna, chat, "hello there")
        assert await texts(store, bert, one_word("hello")) == ["hello there"]
    file = backend.folder / "search.db"
    if damage == "gone":
        file.unlink()
    elif damage == "garbage":
        file.write_bytes(b"SQLite format 3\0" + b"\xff" * 8_000)
    elif damage == "empty":
        file.write_bytes(b"")
    else:
        other = Backend(backend.folder.parent / "other")
        async with other.open() as store:
            [carl] = await make_users(store, "Carl")
            notes = await store.open_direct(carl.id, carl.id)
            await say(store, carl, notes, "hello from elsewhere")
            assert await texts(store, carl, one_word("hello"))
        file.write_bytes((other.folder / "search.db").read_bytes())
    async with backend.open() as store:
        assert await texts(store, bert, one_word("hello")) == ["hello there"]
    assert file.stat().st_mode & 0o077 == 0
