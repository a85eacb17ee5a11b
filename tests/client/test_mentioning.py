"""Names after `@` in a text become mentions of people who are in the chat, and of nobody else."""

from pathlib import Path

import pytest

from chatproto.models import Chat, ChatCreated, MembersChanged, User
from chatterm.client.cache import Cache
from chatterm.client.mentioning import mentioned

PEOPLE = [
    User(id=1, email="anna@example.org", display_name="Anna", rev=1),
    User(id=2, email="bela@example.org", display_name="Béla Nagy", rev=2),
    User(id=3, email="bela.k@example.org", display_name="Béla Kis", rev=3),
    User(id=4, email="zoe@example.org", display_name="Zoe Q", rev=4),
    User(id=5, email="out@example.org", display_name="Out", rev=5),
]


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """A group of the first four; the fifth was removed. A direct chat with the second."""
    cache = Cache.open(tmp_path / "cache.db")
    cache.adopt("e", PEOPLE[0])
    cache.store_users(PEOPLE)
    cache.store_chats(
        [Chat(id=7, kind="group", title="G", head=2), Chat(id=8, kind="direct", peer_id=2, head=0)],
        useq=1,
    )
    cache.store_events(
        7,
        [
            ChatCreated(id="7.1", seq=1, at=1, sender_id=1, title="G", member_ids=[1, 2, 3, 4, 5]),
            MembersChanged(id="7.2", seq=2, at=2, sender_id=1, removed=[5]),
        ],
    )
    return cache


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("hello @Anna!", (1,)),
        ("@béla nagy and @BÉLA KIS, @anna", (2, 3, 1)),
        ("@Béla is shared", ()),
        ("@bela@example.org", (2,)),
        ("mail anna@example.org, not @annabel or @anna_x", ()),
        ("@zoe, @Zoe Q, @zoe", (4,)),
        ("@Out was removed", ()),
        ("@@anna and (@anna)", (1,)),
        ("@", ()),
    ],
)
def test_names_and_emails_after_an_at_sign_mention_members(cache: Cache, text: str, ids: tuple[int, ...]) -> None:
    """The longest whole name counts; a name that two share is nobody's."""
    assert mentioned(cache, 7, text) == ids
    cache.close()


def test_in_a_direct_chat_only_the_other_person_is_mentioned(cache: Cache) -> None:
    """Whoever else has the name is not there."""
    assert mentioned(cache, 8, "@Béla and @anna and @zoe") == (2,)
    assert mentioned(cache, 99, "@anna") == ()
    cache.close()
