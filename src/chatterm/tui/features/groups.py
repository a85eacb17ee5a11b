"""Groups: made, described, joined by others and left."""

import asyncio
from collections.abc import Sequence
from typing import Final

from chatproto.errors import ChatError
from chatproto.models import Chat, User
from chatproto.text import normalize_title, normalize_topic, terminal_safe
from chatterm.client.errors import ClientError
from chatterm.client.model import EntriesChanged, EntryRef, Notice
from chatterm.tui.dialog import CANCEL, Answers, Button, Dialog, TextField, ask, confirm
from chatterm.tui.features.feature import Feature
from chatterm.tui.naming import people_named, person_named

PEOPLE_MAX: Final = 100_000
"""People among whom members are picked."""
APPEARS_S: Final = 10.0
"""So long a new chat may take until the cache knows it."""


class Groups(Feature):
    """What can be done with the group on screen, and making another one."""

    # --- making

    async def make_group(self, argument: str) -> None:
        """Pick members, give a title, make it and open it."""
        picked = await self._pick("Who shall be in the group?", frozenset((self.engine.account.user_id,)))
        if picked is None:
            return
        members = [user.id for user in picked]
        names = ", ".join(terminal_safe(user.display_name) for user in picked[:8]) + ("…" if len(picked) > 8 else "")

        async def make(answers: Answers) -> Chat:
            return await self.engine.server.open_group(normalize_title(answers["title"]), members)

        form = Dialog(
            "Make a group",
            f"With {names}.",
            (TextField(name="title", label="Title", value=argument),),
            submit=make,
            buttons=(Button("make", "Make it"), Button(CANCEL, "Cancel")),
        )
        chat = await ask(self.screen.app, form)
        if chat is not None:
            await self._open(EntryRef("chat", chat.id))

    async def _open(self, ref: EntryRef) -> None:
        """Open a chat as soon as the cache knows it."""
        appeared = asyncio.Event()

        def hear(notice: Notice) -> None:
            if isinstance(notice, EntriesChanged) and (notice.refs is None or ref in notice.refs):
                appeared.set()

        unsubscribe = self.engine.subscribe(hear)
        try:
            if self.engine.cache.entry(ref) is None:
                async with asyncio.timeout(APPEARS_S):
                    await appeared.wait()
        except TimeoutError:
            self.tell("The group is made; it appears in the list in a moment.")
            return
        finally:
            unsubscribe()
        self.screen.open(ref)
        self.conversation.composer.focus()

    async def _pick(self, title: str, without: frozenset[int]) -> tuple[User, ...] | None:
        """Any number of people but these; None if it was left."""
        from chatterm.tui.picker import ManyPicker, Row  # noqa: PLC0415 - only for those who pick

        entries = self.engine.cache.entries(limit=PEOPLE_MAX)
        rows = [
            Row(each.name, each.peer_id, each.email)
            for each in entries
            if each.peer_id is not None and each.peer_id not in without
        ]
        picked = await ManyPicker(title, rows).pick(self.screen.app)
        if picked is None:
            return None
        users = [self.engine.cache.user(user_id) for user_id in picked]
        return tuple(user for user in users if user is not None)

    # --- the group on screen

    def _group(self) -> Chat:
        """The group on screen. Raises `ChatError` with `notGroup`, or `ClientError` without one."""
        ref = self.conversation.ref
        if ref is None:
            raise ClientError("noChat", "No conversation is open.")
        chat = self.engine.cache.chat(ref.id) if ref.kind == "chat" else None
        if chat is None or chat.kind != "group":
            raise ChatError("notGroup")
        if self.engine.cache.has_left(chat.id):
            raise ChatError("notMember")
        return chat

    async def members(self, _: str = "") -> None:
        """The list of members; choosing one shows their card."""
        from chatterm.tui.features.people import People  # noqa: PLC0415 - only for those who look
        from chatterm.tui.members import MembersPicker  # noqa: PLC0415 - as above

        group = self._group()
        found = await self.patiently(self.engine.server.members(group.id))
        self.screen.watch_also(tuple(member.user_id for member in found))
        try:
            user = await MembersPicker(self.engine, group, found).pick(self.screen.app)
        finally:
            self.screen.watch_also(())
        if user is not None:
            await People(self.screen).show(user)

    async def invite(self, argument: str) -> None:
        """Add people to the group: those named, or those picked from a list."""
        group = self._group()
        if argument:
            users: Sequence[User] = people_named(self.engine.cache, argument)
        else:
            here = frozenset(member.user_id for member in await self.patiently(self.engine.server.members(group.id)))
            picked = await self._pick(f"Add to {group.title}", here)
            if picked is None:
                return
            users = picked
        done = await self.patiently(self.engine.server.add_members(group.id, [user.id for user in users]))
        names = ", ".join(terminal_safe(user.display_name) for user in users if user.id in done.added)
        self.tell(f"{names} came to the group." if names else "They are members already.")

    async def kick(self, argument: str) -> None:
        """Remove a member, after asking."""
        group = self._group()
        user = await self._member(group, argument)
        text = f"{user.display_name} ({user.email}) reads nothing more in {group.title}, and can be added again."
        if await confirm(self.screen.app, f"Remove {user.display_name}?", text, "Remove"):
            await self.patiently(self.engine.server.remove_member(group.id, user.id))
            self.tell(f"{terminal_safe(user.display_name)} is no member any more.")

    async def hand_over(self, argument: str) -> None:
        """Make another member the owner, after asking."""
        group = self._group()
        user = await self._member(group, argument)
        text = f"{user.display_name} ({user.email}) will own {group.title}; only they can give it back."
        if await confirm(self.screen.app, "Hand the group over?", text, "Hand over"):
            await self.patiently(self.engine.server.hand_over(group.id, user.id))
            self.tell(f"{terminal_safe(user.display_name)} owns the group now.")

    async def _member(self, group: Chat, name: str) -> User:
        found = await self.patiently(self.engine.server.members(group.id))
        return person_named(self.engine.cache, name, frozenset(member.user_id for member in found))

    async def leave_group(self, _: str = "") -> None:
        """Leave the group, after asking."""
        group = self._group()
        text = "What is cached here stays readable. To come back, a member has to add you."
        if group.owner_id == self.engine.account.user_id and group.member_count > 1:
            text += " You own it: another member becomes the owner, unless you hand it over first (/owner)."
        if await confirm(self.screen.app, f"Leave {group.title}?", text, "Leave"):
            await self.patiently(self.engine.server.remove_member(group.id, self.engine.account.user_id))
            self.tell(f"You left {terminal_safe(group.title)}.")

    async def rename_group(self, argument: str) -> None:
        """Give the group another title: the one given, or one asked for."""
        group = self._group()
        if argument:
            await self._describe(group, title=normalize_title(argument))
            return

        async def rename(answers: Answers) -> bool:
            await self._describe(group, title=normalize_title(answers["title"]))
            return True

        field = TextField(name="title", label="Title", value=group.title)
        await ask(self.screen.app, Dialog("Rename the group", fields=(field,), submit=rename))

    async def set_topic(self, argument: str) -> None:
        """Give the group another topic: the one given, or one asked for, which may be empty."""
        group = self._group()
        if argument:
            await self._describe(group, topic=normalize_topic(argument))
            return

        async def describe(answers: Answers) -> bool:
            await self._describe(group, topic=normalize_topic(answers["topic"]))
            return True

        field = TextField(name="topic", label="What it is about", value=group.topic, note="Empty for none.")
        await ask(self.screen.app, Dialog("Topic", fields=(field,), submit=describe))

    async def _describe(self, group: Chat, *, title: str | None = None, topic: str | None = None) -> None:
        await self.patiently(self.engine.server.describe_group(group.id, title=title, topic=topic))
