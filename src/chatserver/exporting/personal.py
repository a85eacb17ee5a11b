"""Everything about one person in one ZIP: what is kept about them, what they wrote and did, and their files."""

import tempfile
import zipfile
from collections.abc import AsyncIterator
from contextlib import ExitStack, aclosing
from typing import IO, BinaryIO, Final

import msgspec
from msgspec.structs import replace

from chatproto import codec
from chatproto.models import Message
from chatserver.exporting.records import event_record, moment
from chatserver.files.base import BlobMissingError, BlobStorage
from chatserver.store.interfaces.erasures import LogPlace
from chatserver.store.interfaces.personal import OwnFile
from chatserver.store.interfaces.snapshots import Snapshot

_LOOKED_AT: Final = 2_000
_FILES_AT_ONCE: Final = 200
_SPOOL_BYTES: Final = 1_048_576

README: Final = """What this server keeps about {name}, as of {at}

account.json        the account: address, name, status, when it was made and last used
sessions.json       where somebody was signed in: device, when it began, was used last and ended
chats.json          chats of which the person is a member, and what they set for them; seen is how far they have read
left-chats.json     chats that they have left
push.json           where they are told of messages while they are away; push-rules.json: of which
invitations.json    open invitations that they made
reset-code.json     a code to replace the password, if one is open
messages.jsonl      what they wrote, one message a line, as it is now; what they forwarded without its text
activity.jsonl      what else they did in chats: changes of messages, groups made, members added or removed
reactions.jsonl     their reactions that stand under messages now
mentions.json       places of messages that mention them by name
files/              files that they uploaded; files.jsonl lists them

Times in .json files are microseconds since 1970-01-01 UTC, those in .jsonl files dates. A message is named by its chat
and its place in it (seq). Others' words are not in here, and no secrets (hashes of the password, of tokens and of
codes). Text that was deleted, or edited away, is not kept. The address from which somebody connects, and their id,
stand in the server's log for as long as its owner keeps that.
"""


class PersonalExport:
    """Writes one person's ZIP to a stream, which need not be seekable; memory does not grow with it."""

    def __init__(self, snapshot: Snapshot, blobs: BlobStorage, user_id: int, now: int) -> None:
        """`now` is the moment of the snapshot, in microseconds since 1970 UTC."""
        self._snapshot = snapshot
        self._blobs = blobs
        self._user_id = user_id
        self._now = now
        self.messages = 0
        self.files = 0
        self.missing: list[str] = []
        """Names of files whose content the storage does not have."""

    async def write(self, stream: BinaryIO) -> None:
        """Write all of it. Raises `OSError`, and `ChatError` of the store."""
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            name = ""
            for section in await self._snapshot.sections(self._user_id):
                if section.name == "account":
                    name = str(section.records[0]["displayName"]) if section.records else ""
                text = msgspec.json.format(msgspec.json.encode(section.records), indent=1)
                archive.writestr(f"{section.name}.json", text)
            archive.writestr("README.txt", README.format(name=name, at=moment(self._now).isoformat()))
            await self._write_events(archive)
            await self._write_files(archive)

    async def _write_events(self, archive: zipfile.ZipFile) -> None:
        with ExitStack() as undo:
            # Two files of an archive cannot be written at a time, and the logs are read once.
            activity, reactions = (
                undo.enter_context(tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES)) for _ in range(2)
            )
            with archive.open("messages.jsonl", "w", force_zip64=True) as messages:
                place: LogPlace | None = LogPlace(0, 0)
                while place is not None:
                    events, place = await self._snapshot.own_events(self._user_id, place, _LOOKED_AT)
                    for chat_id, event in events:
                        if isinstance(event, Message):
                            self._put_message(chat_id, event, messages, reactions)
                        else:
                            activity.write(codec.encode(event_record(chat_id, event)) + b"\n")
            for name, spooled in (("activity.jsonl", activity), ("reactions.jsonl", reactions)):
                spooled.seek(0)
                with archive.open(name, "w", force_zip64=True) as file:
                    while part := spooled.read(_SPOOL_BYTES):
                        file.write(part)

    def _put_message(self, chat_id: int, message: Message, messages: IO[bytes], reactions: IO[bytes]) -> None:
        if message.sender_id == self._user_id and not message.deleted:
            if message.forwarded is not None and message.forwarded.sender_id != self._user_id:
                message = replace(message, text="", files=[])  # what was forwarded is somebody else's
            messages.write(codec.encode(event_record(chat_id, message)) + b"\n")
            self.messages += 1
        for reaction in message.reactions:
            if self._user_id in reaction.user_ids:
                record = {"chatId": chat_id, "seq": message.seq, "emoji": reaction.emoji}
                reactions.write(msgspec.json.encode(record) + b"\n")

    async def _write_files(self, archive: zipfile.ZipFile) -> None:
        lines = []
        async for file in self._own_files():
            name = f"files/{file.id}-{file.name}"
            try:
                await self._write_file(archive, name, file)
            except BlobMissingError:
                self.missing.append(file.name)
                continue
            self.files += 1
            lines.append(
                msgspec.json.encode(
                    {
                        "path": name,
                        "name": file.name,
                        "size": file.size,
                        "mediaType": file.media_type,
                        "createdAt": moment(file.created_at),
                        "sha256": file.sha256.hex(),
                    }
                )
            )
        archive.writestr("files.jsonl", b"".join(line + b"\n" for line in lines))

    async def _own_files(self) -> AsyncIterator[OwnFile]:
        after = 0
        while files := await self._snapshot.own_files(self._user_id, after, _FILES_AT_ONCE):
            for file in files:
                yield file
            after = files[-1].id

    async def _write_file(self, archive: zipfile.ZipFile, name: str, file: OwnFile) -> None:
        entry = zipfile.ZipInfo(name, moment(file.created_at).timetuple()[:6])
        entry.external_attr = 0o600 << 16
        async with aclosing(self._blobs.read(file.key, 0, file.size)) as parts:
            first = await anext(parts, b"")  # a missing content shows before its entry begins
            with archive.open(entry, "w", force_zip64=True) as target:
                target.write(first)
                async for part in parts:
                    target.write(part)
