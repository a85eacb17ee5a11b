"""Files in the store: room is reserved and given back, content is shared, and nothing is forgotten or left dangling."""

import dataclasses
import os
import secrets
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatproto.errors import ChatError
from chatproto.models import FileInfo, User
from chatserver.store.base import Store
from chatserver.store.extras import Additions
from chatserver.store.interfaces.files import Content, NewUpload, UploadRecord
from chatserver.store.interfaces.users import ProfileChange
from tests.support.store import Backend, make_users, new_message, stored

SECOND = 1_000_000
ROOM: dict[str, Any] = {"user_bytes": 10_000, "total_bytes": 15_000, "lifetime": 60 * SECOND}


def new_upload(owner: User, size: int = 100, client_id: bytes | None = None, name: str = "plan.png") -> NewUpload:
    return NewUpload(owner.id, client_id, name, size, key=secrets.token_hex(16))


def content(text: str = "content", **more: Any) -> Content:
    return Content(sha256=text.encode().ljust(32), media_type="image/png", width=4, height=3, **more)


async def begin(store: Store, owner: User, size: int = 100) -> UploadRecord:
    record, is_new = await store.begin_upload(new_upload(owner, size), **ROOM)
    assert is_new
    return record


async def new_file(store: Store, owner: User, text: str = "content", size: int = 100, grace: int = 0) -> FileInfo:
    record = await begin(store, owner, size)
    return await store.finish_upload(record.id, content(text), grace)


async def show(store: Store, sender: User, chat_id: int, info: FileInfo) -> int:
    plain = new_message(sender, "look", chat_id=chat_id)
    message = dataclasses.replace(plain, more=Additions(file_ids=(info.id,)))
    return stored(await store.append([message]))[0].seq


async def refusal(call: Any) -> str:
    with pytest.raises(ChatError) as caught:
        await call
    return caught.value.code


async def test_an_upload_becomes_a_file(store: Store) -> None:
    """Its owner finds it, complete or not; nobody else does."""
    anna, bert = await make_users(store, "Anna", "Bert")
    record = await begin(store, anna, 123)
    assert await store.upload(anna.id, record.id) == record
    assert await store.upload(bert.id, record.id) is None
    info = await store.finish_upload(record.id, content(thumbnail_size=9), 60 * SECOND)
    assert info == FileInfo(
        id=info.id, name="plan.png", size=123, media_type="image/png", width=4, height=3, thumbnail=True
    )
    assert await store.finish_upload(record.id, content("other"), 0) == info
    found = await store.upload(anna.id, record.id)
    assert found is not None
    assert found.file == info
    read = await store.file(anna.id, info.id)
    assert read is not None
    assert (read.info, read.key, read.sha256, read.thumbnail_size) == (info, record.key, content().sha256, 9)
    assert await store.file(bert.id, info.id) is None
    assert await refusal(store.finish_upload(1, content(), 0)) == "uploadNotFound"


async def test_beginning_is_idempotent_by_owner_and_client_id(store: Store) -> None:
    anna, bert = await make_users(store, "Anna", "Bert")
    client_id = os.urandom(16)
    first, is_new = await store.begin_upload(new_upload(anna, 100, client_id), **ROOM)
    again, again_new = await store.begin_upload(new_upload(anna, 100, client_id), **ROOM)
    assert (first, is_new, again_new) == (again, True, False)
    for other in (new_upload(anna, 101, client_id), new_upload(anna, 100, client_id, "other")):
        assert await refusal(store.begin_upload(other, **ROOM)) == "uploadConflict"
    foreign, is_new = await store.begin_upload(new_upload(bert, 5, client_id), **ROOM)
    assert is_new
    assert foreign.id != first.id


async def test_equal_content_is_kept_under_one_key(store: Store) -> None:
    """The second key is doomed; the first stays until the last of its files goes."""
    anna, bert = await make_users(store, "Anna", "Bert")
    one, two = await begin(store, anna), await begin(store, bert)
    first = await store.finish_upload(one.id, content(), 0)
    second = await store.finish_upload(two.id, content(), 3_600 * SECOND)
    assert await store.doomed_blobs(5) == [two.key]
    await store.forget_blobs([two.key])
    await store.forget_blobs([two.key])
    read = await store.file(bert.id, second.id)
    assert read is not None
    assert read.key == one.key
    assert await store.review_files(10) == 1
    assert await store.file(anna.id, first.id) is None
    assert await store.file(bert.id, second.id) is not None
    assert await store.doomed_blobs(5) == []


async def test_members_of_a_chat_that_shows_a_file_may_read_it(store: Store) -> None:
    """From the message on, and no longer than the message and their membership last."""
    anna, bert, carl = await make_users(store, "Anna", "Bert", "Carl")
    chat = await store.create_group(anna.id, "Tea", [bert.id])
    info = await new_file(store, anna)
    assert await store.file(bert.id, info.id) is None
    seq = await show(store, anna, chat.id, info)
    assert await store.file(bert.id, info.id) is not None
    assert await store.file(carl.id, info.id) is None
    assert await store.review_files(10) == 1
    await store.remove_member(bert.id, chat.id, bert.id)
    assert await store.file(bert.id, info.id) is None
    await store.delete_message(anna.id, chat.id, seq)
    assert await store.review_files(10) == 1
    assert await store.file(anna.id, info.id) is None


async def test_a_file_stays_while_any_message_shows_it(store: Store, backend: Backend) -> None:
    """Two messages show it: the first deletion changes nothing, the second removes it at once."""
    anna, bert = await make_users(store, "Anna", "Bert")
    chat = await store.open_direct(anna.id, bert.id)
    info = await new_file(store, anna, grace=60 * SECOND)
    seqs = [await show(store, anna, chat.id, info) for _ in range(2)]
    backend.clock.advance(61)
    for seq, left in zip(seqs, (True, False), strict=True):
        await store.delete_message(anna.id, chat.id, seq)
        await store.review_files(10)
        assert (await store.file(anna.id, info.id) is not None) is left
    assert len(await store.doomed_blobs(5)) == 1
    assert await store.review_files(10) == 0


async def test_an_avatar_is_for_everybody_while_it_is_one(store: Store) -> None:
    """Its first picture goes as soon as the user shows another."""
    anna, bert = await make_users(store, "Anna", "Bert")
    first, second = await new_file(store, anna, "first"), await new_file(store, anna, "second")
    await store.update_profile(anna.id, ProfileChange(avatar=first.id))
    assert await store.file(bert.id, first.id) is not None
    assert await store.file(bert.id, second.id) is None
    await store.update_profile(anna.id, ProfileChange(avatar=second.id))
    assert await store.file(bert.id, first.id) is None
    assert await store.review_files(10) == 2
    assert await store.file(anna.id, first.id) is None
    assert await store.file(bert.id, second.id) is not None


async def test_a_grace_and_an_expiry_are_kept(store: Store, backend: Backend) -> None:
    """Neither a second early; an upload that goes on lives on."""
    [anna] = await make_users(store, "Anna")
    idle, busy = await begin(store, anna), await begin(store, anna)
    info = await new_file(store, anna, grace=60 * SECOND)
    backend.clock.advance(59)
    assert (await store.expired_uploads(5), await store.review_files(5)) == ([], 0)
    await store.prolong_upload(busy.id, 60 * SECOND)
    backend.clock.advance(1)
    expired = await store.expired_uploads(5)
    assert idle.id in expired
    assert busy.id not in expired
    assert await store.expired_uploads(1) == expired[:1]
    assert await store.review_files(5) == 1
    assert await store.file(anna.id, info.id) is None


async def test_dropping_an_upload(store: Store) -> None:
    """An open one dooms its key, a complete one leaves its file; both can be repeated."""
    [anna] = await make_users(store, "Anna")
    record = await begin(store, anna)
    done = await begin(store, anna)
    info = await store.finish_upload(done.id, content(), 60 * SECOND)
    for _ in range(2):
        await store.drop_upload(record.id)
        await store.drop_upload(done.id)
    assert await store.doomed_blobs(5) == [record.key]
    assert await store.upload(anna.id, record.id) is None
    assert await store.file(anna.id, info.id) is not None


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["begin", "finish", "drop", "review"]), st.integers(0, 3), st.integers(0, 4_000)),
    max_size=30,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=ACTIONS)
async def test_room_and_keys_always_add_up(tmp_path_factory: pytest.TempPathFactory, actions: list[Any]) -> None:
    """Whatever happens in whatever order: a refusal means there was no room, and each key has exactly one place."""
    folder: Path = tmp_path_factory.mktemp("data")
    async with Backend(folder / "data").open() as store:
        [anna] = await make_users(store, "Anna")
        uploads: dict[int, UploadRecord] = {}
        files: dict[int, tuple[int, bytes]] = {}
        keys: Counter[str] = Counter()
        for action, which, size in actions:
            if action == "begin":
                used = sum(upload.size for upload in uploads.values()) + sum(size for size, _ in files.values())
                try:
                    record = await begin(store, anna, size)
                except ChatError as error:
                    assert error.code == "quotaExceeded"
                    assert used + size > ROOM["user_bytes"]
                else:
                    assert used + size <= ROOM["user_bytes"]
                    uploads[record.id] = record
                    keys[record.key] += 1
            elif action in {"finish", "drop"} and len(uploads) > which:
                record = uploads.pop(list(uploads)[which])
                if action == "finish":
                    made = content(f"{which}:{record.size}")
                    info = await store.finish_upload(record.id, made, 0)
                    files[info.id] = (record.size, made.sha256)
                else:
                    await store.drop_upload(record.id)
            elif action == "review":
                await store.review_files(100)
                files.clear()
        shared = {read.key for file_id in files if (read := await store.file(anna.id, file_id)) is not None}
        assert len(shared) == len({sha256 for _, sha256 in files.values()})
        placed = [*(upload.key for upload in uploads.values()), *shared, *await store.doomed_blobs(1_000)]
        assert Counter(placed) == keys
