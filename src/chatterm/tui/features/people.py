"""People: what is known of one, and writing to them."""

import asyncio
import contextlib
from typing import Final

from chatproto.errors import ChatError
from chatproto.models import Chat, User
from chatproto.text import terminal_safe
from chatterm.client.errors import ClientError
from chatterm.client.model import EntryRef, Target
from chatterm.tui.dialog import ask
from chatterm.tui.features.feature import Feature
from chatterm.tui.naming import person_first, person_named
from chatterm.tui.person_card import PersonCard

MEMBERS_S: Final = 0.5
"""How long a card waits to know whether the person is a member of the group on screen."""


class People(Feature):
    """What can be done with a person."""

    async def show_person(self, argument: str) -> None:
        """Show the card of a person, by user id, address or name; without one, of the person of this chat."""
        await self.show(self._meant(argument))

    def _meant(self, argument: str) -> User:
        cache = self.engine.cache
        if argument.isdecimal():
            user = cache.user(int(argument))
            if user is None:
                raise ChatError("userNotFound")
            return user
        if argument:
            return person_named(cache, argument)
        peer_id = self.conversation.peer_id()
        user = cache.user(peer_id) if peer_id is not None else None
        if user is None:
            raise ClientError("usage", "Write it as /whois PERSON.", "In a chat with one person, /whois is enough.")
        return user

    async def show(self, user: User) -> None:
        """Show a card and do what is chosen there."""
        group, is_member = await self._group_with(user)
        card = PersonCard(self.engine, user, group=group, is_member=is_member)
        self.screen.watch_also((user.id,))
        try:
            chosen = await ask(self.screen.app, card)
        finally:
            self.screen.watch_also(())
        if chosen == "message":
            self.open_chat(user.id)
        elif chosen == "mention":
            self.conversation.writer.mention(user)
        elif chosen in ("invite", "kick", "hand_over"):
            self.screen.perform(chosen, user.email)

    async def _group_with(self, user: User) -> tuple[Chat | None, bool]:
        """The group on screen, None if there is none that one is in; and whether this user may be a member of it."""
        ref = self.conversation.ref
        entry = self.engine.cache.entry(ref) if ref is not None else None
        chat = self.engine.cache.chat(ref.id) if ref is not None and ref.kind == "chat" else None
        if ref is None or entry is None or entry.has_left or chat is None or chat.kind != "group":
            return None, False
        people = self.conversation.writer.people
        with contextlib.suppress(TimeoutError):  # a card does not wait for a slow server
            async with asyncio.timeout(MEMBERS_S):
                await people.refresh(ref.id)
        members = people.members(ref)
        return chat, people.may_be_in(members, user.id) or not members.complete

    def open_chat(self, user_id: int) -> None:
        """Open the direct chat with somebody, or where it will begin."""
        chat_id = self.engine.cache.direct_chat(user_id)
        ref = EntryRef("chat", chat_id) if chat_id is not None else EntryRef("user", user_id)
        if not self.screen.open(ref):
            raise ClientError("cannotOpen", "There is no chat with this person, and none can begin.")
        self.conversation.composer.focus()

    async def message_person(self, argument: str) -> None:
        """Send a text to a person without leaving this chat; without a text, open the chat with them."""
        user, text = person_first(self.engine.cache, argument)
        if not text:
            self.open_chat(user.id)
            return
        await self.engine.send(Target(user_id=user.id), text)
        self.tell(f"Written to {terminal_safe(user.display_name)}.")
