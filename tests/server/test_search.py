"""Search over REST: the language, its mistakes, pages, and that nobody finds what others wrote among themselves."""

import random
from typing import Any

import pytest

from chatproto import limits
from chatproto.models import Chat
from chatproto.rest import SearchPage
from tests.server.test_rest import read, refused
from tests.support.server import Person, RunningServer, Socket, outgoing


async def search(person: Person, q: str, **parameters: Any) -> SearchPage:
    answer = await person.http.get("/search", params={"q": q, **parameters})
    page = read(answer, SearchPage)
    assert isinstance(page, SearchPage)
    assert not page.incomplete
    return page


async def texts(person: Person, q: str, **parameters: Any) -> list[str]:
    return [hit.message.text for hit in (await search(person, q, **parameters)).hits]


async def say(socket: Socket, chat: Chat, *lines: str) -> None:
    for start in range(0, len(lines), limits.SEND_MAX_MESSAGES):
        part = lines[start : start + limits.SEND_MAX_MESSAGES]
        results = await socket.send_messages(*(outgoing(line, chat_id=chat.id) for line in part))
        assert all(result.error is None for result in results)


LANGUAGE: list[tuple[str, list[str]]] = [
    ("apple", ["The apple trees", "apple pie, no trees"]),
    ("APPLE trees", ["The apple trees", "apple pie, no trees"]),
    ('"apple trees"', ["The apple trees"]),
    ("appl*", ["The apple trees", "apple pie, no trees"]),
    ("appl", []),
    ("apple -pie", ["The apple trees"]),
    ('-apple -"grün ist"', ["see https://example.org/tea", "東京タワーに行く", "Ætherøy 👍🏽 done"]),
    ("grun strasse", ["Grün ist die Straße"]),
    ("GRÜN", ["Grün ist die Straße"]),
    ("京タワ", ["東京タワーに行く"]),
    ("👍", ["Ætherøy 👍🏽 done"]),
    ("aetheroy", ["Ætherøy 👍🏽 done"]),
    ("has:link", ["see https://example.org/tea"]),
    ("https://example.org/tea", ["see https://example.org/tea"]),
    ("from:me pie", []),
    ("from:anna pie", ["apple pie, no trees"]),
    ("from:anna@example.org pie", ["apple pie, no trees"]),
    ("-from:anna apple", []),
    ("in:@anna pie", ["apple pie, no trees"]),
    ("after:1d pie", ["apple pie, no trees"]),
    ("before:1d pie", []),
    ("before:2001-01-31", []),
    ("pie after:2020-01-01T00:00:00+01:00 before:2999-01-01", ["apple pie, no trees"]),
]
"""Queries, and what they find."""


async def test_the_language(anna: Person, ben: Person) -> None:
    """Words in any case and with or without accents, phrases, beginnings, exclusions and filters."""
    chat = await anna.direct(ben)
    async with anna.socket() as socket:
        await say(
            socket,
            chat,
            "The apple trees",
            "apple pie, no trees",
            "Grün ist die Straße",
            "see https://example.org/tea",
            "東京タワーに行く",
            "Ætherøy 👍🏽 done",
        )
    for q, found in LANGUAGE:
        assert sorted(await texts(ben, q)) == sorted(found), q
        assert sorted(await texts(ben, q, sort="relevance")) == sorted(found), q


MISTAKES = [
    ("", "It is empty."),
    ("   ", "It is empty."),
    ("tea -", "At character 5: a word must follow '-'"),
    ('tea "', "At character 5: a quotation mark is never closed."),
    ('""', "At character 1: there is nothing between"),
    ('"a"b', "At character 4: a blank must follow"),
    ('a"b"', "At character 2: a quotation mark must follow a blank"),
    ("t*a", "At character 2: '*' can stand at the end"),
    ("t*", "At character 1: at least 2 letters"),
    ("*", "holds neither letters nor digits"),
    ("tea !!!", "At character 5: '!!!' holds neither"),
    ("from: anna", "At character 1: something must follow from:"),
    ("from:nobody", "At character 1: there is no user 'nobody'"),
    ("from:nobody@example.org", "there is no user"),
    ("from:1", "there is no user '1'"),
    ("tea in:nowhere", "At character 5: you have no chat 'nowhere'"),
    ("in:@nobody tea", "there is no user 'nobody'"),
    ("before:soon", "At character 1: 'soon' is no time."),
    ("after:2026-02-30", "is no time"),
    ("-before:today", "write after:"),
    ("has:cake", "has:file, has:link, not 'cake'"),
    (" ".join(["tea"] * 17), "At most 16"),
]
"""Queries that mean nothing, and what is said of them."""


async def test_mistakes_are_explained(anna: Person) -> None:
    """Where it is and what to do, as a final refusal."""
    for q, told in MISTAKES:
        error = refused(await anna.http.get("/search", params={"q": q}), "searchInvalid").error
        assert told in error.message, q
    assert not error.temporary


async def test_wrong_parameters_are_refused(anna: Person) -> None:
    """Sizes, sorts and cursors that no page gave."""
    wrongs: list[dict[str, Any]] = [
        {},
        {"q": "x" * (limits.SEARCH_MAX_CHARS + 1)},
        {"q": "tea", "sort": "oldest"},
        {"q": "tea", "limit": 0},
        {"q": "tea", "limit": limits.SEARCH_PAGE_MAX + 1},
        {"q": "tea", "cursor": "n-1"},
        {"q": "tea", "cursor": "r-1-1-1-1-1"},
        {"q": "tea", "cursor": "n-9999999999999999999-1-1-1-1"},
        {"q": "tea", "page": 2},
    ]
    for wrong in wrongs:
        refused(await anna.http.get("/search", params=wrong), "invalidFrame")
    refused(await anna.http.get("/search?q=tea", headers={"Authorization": ""}), "tokenMissing")


async def test_nobody_finds_what_others_wrote_among_themselves(anna: Person, ben: Person, eve: Person) -> None:
    """Neither by words nor by filters, whoever sorts how; a foreign chat looks like none."""
    secret, public = await anna.direct(ben), await eve.group("square", anna)
    async with anna.socket() as socket:
        await say(socket, secret, "the secret garden")
        await say(socket, public, "the public garden")
    for q in ("garden", "gard*", "from:anna", "-nothing", "from:anna garden", "after:1d"):
        for sort in ("newest", "relevance"):
            assert await texts(eve, q, sort=sort) == ["the public garden"]
    assert await texts(ben, "garden") == ["the secret garden"]
    assert await texts(anna, "garden") == ["the public garden", "the secret garden"]
    foreign = refused(await eve.http.get("/search", params={"q": f"in:{secret.id} garden"}), "searchInvalid")
    missing = refused(await eve.http.get("/search", params={"q": "in:12345 garden"}), "searchInvalid")
    assert foreign.error.message.replace(str(secret.id), "12345") == missing.error.message


async def test_chats_are_named_by_title_id_and_person(anna: Person, ben: Person, eve: Person) -> None:
    """`in:` narrows to the user's own chats; several allow each of them."""
    garden, tea, direct = await anna.group("The Gárden", ben), await anna.group("Tea", eve), await anna.direct(ben)
    async with anna.socket() as socket:
        for chat, line in ((garden, "roses in garden"), (tea, "roses in tea"), (direct, "roses to ben")):
            await say(socket, chat, line)
    assert await texts(anna, "roses in:garden") == ["roses in garden"]
    assert await texts(anna, 'roses in:"the garden"') == ["roses in garden"]
    assert await texts(anna, f"roses in:{tea.id}") == ["roses in tea"]
    assert await texts(anna, "roses in:@ben@example.org") == ["roses to ben"]
    assert await texts(anna, "roses in:@Ben in:tea") == ["roses to ben", "roses in tea"]
    assert await texts(anna, "roses -in:garden") == ["roses to ben", "roses in tea"]
    assert await texts(anna, "in:tea") == ["roses in tea"]


async def test_edits_and_deletions_count_at_once(anna: Person, ben: Person) -> None:
    """A message is found by what it says now; what was deleted is found by nothing."""
    chat = await anna.direct(ben)
    store = anna.server.application.store
    async with anna.socket() as socket:
        await say(socket, chat, "meet at the harbour", "bring the harbour map")
        assert len(await texts(ben, "harbour")) == 2
        await store.edit_message(anna.id, chat.id, 1, text="meet at the station", mentions=(), mention_all=False)
        assert await texts(ben, "harbour") == ["bring the harbour map"]
        assert await texts(ben, "station") == ["meet at the station"]
        await store.delete_message(anna.id, chat.id, 2)
        await store.react(ben.id, chat.id, 1, "👍", on=True)
        assert await texts(ben, "harbour") == []
        hits = (await search(ben, "station")).hits
        assert [reaction.emoji for reaction in hits[0].message.reactions] == ["👍"]
        assert await texts(ben, "from:anna") == ["meet at the station"]


@pytest.mark.parametrize("sort", ["newest", "relevance"])
async def test_pages_follow_each_other_while_messages_come(anna: Person, ben: Person, eve: Person, sort: str) -> None:
    """Each match is on one page, in order, whatever is written meanwhile."""
    rng = random.Random(7)
    chats = [await anna.direct(ben), await anna.group("one", ben), await anna.group("two", ben, eve)]
    async with anna.socket() as socket:
        for number in range(60):
            await say(socket, rng.choice(chats), f"{'tea ' * rng.randint(1, 5)}number {number}")
        whole = (await search(ben, "tea", limit=100, sort=sort)).hits
        assert len(whole) == 60
        if sort == "newest":
            assert [hit.message.at for hit in whole] == sorted((hit.message.at for hit in whole), reverse=True)
        else:
            counts = [hit.message.text.count("tea") for hit in whole]
            assert counts == sorted(counts, reverse=True)
        pages, cursor = [], None
        while True:
            page = await search(ben, "tea", limit=7, sort=sort, **({"cursor": cursor} if cursor else {}))
            pages += page.hits
            assert page.has_more == (page.cursor is not None)
            if page.cursor is None:
                break
            cursor = page.cursor
            await say(socket, rng.choice(chats), "tea tea tea tea tea tea meanwhile")
    assert [hit.message.id for hit in pages] == [hit.message.id for hit in whole]


async def test_snippets_show_where_it_matches(anna: Person, ben: Person) -> None:
    """A cut of a long text around its first match, with the places of all matches in it."""
    chat = await anna.direct(ben)
    async with anna.socket() as socket:
        await say(socket, chat, f"{'Füllwort ' * 40}die Äpfel und die ÄPFEL {'danach ' * 40}")
    [hit] = (await search(ben, "apfel dan*")).hits
    assert len(hit.snippet) <= 162
    assert hit.snippet[0] == hit.snippet[-1] == "…"
    shown = [hit.snippet[low:high] for low, high in hit.matches]
    assert shown[:3] == ["Äpfel", "ÄPFEL", "danach"]


async def test_users_are_known_as_soon_as_they_exist(server: RunningServer, anna: Person) -> None:
    """Names are looked up as they are when the search comes, users added since the last one included."""
    refused(await anna.http.get("/search", params={"q": "from:zoe tea"}), "searchInvalid")
    zoe = await server.person("Zoe")
    chat = await zoe.direct(anna)
    async with zoe.socket() as socket:
        await say(socket, chat, "tea?")
    assert await texts(anna, "from:zoe tea") == ["tea?"]


async def test_long_messages_are_found_and_shown(anna: Person, ben: Person) -> None:
    """A page of the longest messages, with the match at the end of each."""
    chat = await anna.direct(ben)
    async with anna.socket() as socket:
        for number in range(6):
            await say(socket, chat, f"{'große Bäume ' * 1_100}Ende {number}")
    hits = (await search(ben, "ende")).hits
    assert [hit.snippet[-7:] for hit in hits] == [f" Ende {number}" for number in range(5, -1, -1)]
    assert [[hit.snippet[low:high] for low, high in hit.matches] for hit in hits] == [["Ende"]] * 6


async def test_names_of_several_words(server: RunningServer, anna: Person) -> None:
    """Exactly this name first; else everybody who has all of the words in theirs."""
    store = server.application.store
    users = [
        await store.create_user(f"{n}@example.org", name, "!") for n, name in enumerate(("Jó Zsef", "Jo", "Zsef Jo B"))
    ]
    for user in users:
        chat = await store.open_direct(user.id, anna.id)
        async with (await server.signed_in(user)).socket() as socket:
            await say(socket, chat, f"tea {user.display_name}")
    assert await texts(anna, "tea from:jo") == ["tea Jo"]
    assert await texts(anna, 'tea from:"jo zsef"') == ["tea Jó Zsef"]
    assert await texts(anna, 'tea from:"zsef"') == ["tea Zsef Jo B", "tea Jó Zsef"]
