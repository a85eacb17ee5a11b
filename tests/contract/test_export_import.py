"""What was exported and imported into an empty store is exported again as the same but for ids."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from chatproto import codec
from chatproto.errors import ChatError
from chatserver.exporting.run import Exporter, Wanted
from chatserver.importing.own import OwnSource
from chatserver.importing.report import Report
from chatserver.importing.run import Plan, run
from chatserver.importing.tree import open_tree
from chatserver.store.base import NewMessage, Store
from chatserver.store.extras import Additions
from tests.server.test_export import lines
from tests.server.test_import import comparable
from tests.support.store import NOON, Backend, make_users

PEOPLE = 4
PERSON = st.integers(0, PEOPLE - 1)
SEQ = st.integers(1, 8)
TEXT = st.text("abäß中🍐", min_size=1, max_size=8)
STEP = st.one_of(
    st.tuples(st.just("say"), PERSON, TEXT, st.integers(0, 4), st.booleans()),
    st.tuples(st.just("direct"), PERSON, PERSON, TEXT),
    st.tuples(st.just("react"), PERSON, SEQ, st.sampled_from("👍🎉")),
    st.tuples(st.just("edit"), PERSON, SEQ, TEXT),
    st.tuples(st.just("delete"), PERSON, SEQ),
    st.tuples(st.just("pin"), PERSON, SEQ, st.booleans()),
    st.tuples(st.just("add"), PERSON, PERSON),
    st.tuples(st.just("remove"), PERSON, PERSON),
    st.tuples(st.just("title"), PERSON, TEXT),
    st.tuples(st.just("seen"), PERSON, SEQ),
)


class World:
    """A group of four people in which anything may be tried; what is refused changes nothing."""

    def __init__(self, store: Store, people: list[int], group: int) -> None:
        self.store = store
        self.people = people
        self.group = group
        self.count = 0

    async def do(self, step: tuple[Any, ...]) -> None:
        kind, person, *rest = step
        user, store, group = self.people[person], self.store, self.group
        self.count += 1
        client_id = self.count.to_bytes(16, "big")
        if kind == "say":
            more = Additions(reply_to=rest[1], mention_all=rest[2]) if rest[1] or rest[2] else None
            await store.append([NewMessage(user, client_id, rest[0], group, more=more)])
        elif kind == "direct":
            await store.append([NewMessage(user, client_id, rest[1], peer_id=self.people[rest[0]])])
        elif kind == "react":
            await store.react(user, group, rest[0], rest[1], on=True)
        elif kind == "edit":
            await store.edit_message(user, group, rest[0], text=rest[1], mentions=(), mention_all=False)
        elif kind == "delete":
            await store.delete_message(user, group, rest[0])
        elif kind == "pin":
            await store.pin(user, group, rest[0], on=rest[1])
        elif kind == "add":
            await store.add_members(user, group, [self.people[rest[0]]])
        elif kind == "remove":
            await store.remove_member(user, group, self.people[rest[0]])
        elif kind == "title":
            await store.describe_group(user, group, title=rest[0])
        else:
            await store.mark_seen(user, group, rest[0])


async def exported(store: Store) -> str:
    async with store.snapshot() as snapshot:
        records: AsyncIterator[Any] = Exporter(snapshot, Wanted(), epoch="e", now=NOON).records()
        return "".join([codec.encode_text(record) + "\n" async for record in records])


@settings(max_examples=6)
@given(st.lists(STEP, min_size=5, max_size=25))
async def test_it_comes_back(steps: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with Backend(folder / "one").open() as store:
            people = [user.id for user in await make_users(store, *"ABCD")]
            group = (await store.create_group(people[0], "Garden", people[1:3])).id
            world = World(store, people, group)
            for step in steps:
                try:
                    await world.do(step)
                except ChatError:
                    continue
            before = await exported(store)
        (folder / "x.jsonl").write_text(before)
        tree = open_tree(folder / "x.jsonl")
        async with Backend(folder / "two").open() as store:
            for _ in range(2):
                report = Report()
                await run(store, OwnSource(tree, None), tree, None, Plan(), report)
                after = await exported(store)
                assert comparable(lines(after)) == comparable(lines(before))
                assert not report.skipped
            assert report.totals.messages_imported == 0
        tree.close()
