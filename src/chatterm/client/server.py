"""What only the server can say or do now: groups, receipts, settings of chats, profile, sessions, search."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

import msgspec

from chatproto import limits
from chatproto.frames import Mentions
from chatproto.models import Chat, FileInfo, Message, User
from chatproto.rest import (
    AddMembersRequest,
    DeleteAccountRequest,
    DirectChatRequest,
    EditRequest,
    GroupChatRequest,
    GroupPatch,
    Invite,
    InviteRequest,
    InvitesList,
    Member,
    MembersAdded,
    MembersPage,
    MessagesPage,
    OwnerRequest,
    PasswordRequest,
    PinnedMessages,
    ProfileRequest,
    SearchPage,
    SeenByPage,
    SeenMarker,
    SeenMarkersPage,
    SessionInfo,
    SessionsList,
    SettingsPatch,
    UsersFound,
)

if TYPE_CHECKING:  # whoever gives them has loaded the network
    from chatterm.client.api import Api
    from chatterm.client.tokens import TokenSource

T = TypeVar("T")
P = TypeVar("P", MembersPage, SeenByPage, SeenMarkersPage)


class Server:
    """One method a REST operation (docs/protocol.md). What changes something comes back as events and notices.

    Every method raises `ClientError`: what the server refused, or `notConnected` and the like if it cannot be
    asked now. Nothing is queued and nothing is repeated; where the operation is idempotent, it may be asked again.
    """

    def __init__(self, rest: "Callable[[], tuple[Api, TokenSource]]") -> None:
        """`rest` gives the API and the tokens of the account, or raises `ClientError`."""
        self._rest = rest

    # --- chats

    async def open_direct(self, user_id: int) -> Chat:
        """The direct chat with a user, made if there is none. Idempotent."""
        return await self._ask("POST", "/chats", Chat, body=DirectChatRequest(user_id=user_id))

    async def open_group(self, title: str, member_ids: Sequence[int]) -> Chat:
        """Make a group of oneself and these users. Not idempotent."""
        return await self._ask("POST", "/chats", Chat, body=GroupChatRequest(title=title, member_ids=list(member_ids)))

    async def describe_group(self, chat_id: int, *, title: str | None = None, topic: str | None = None) -> Chat:
        """Give a group another title or topic; its owner may. Idempotent."""
        return await self._ask("PATCH", f"/chats/{chat_id}", Chat, body=GroupPatch(title=title, topic=topic))

    async def set_chat(
        self,
        chat_id: int,
        *,
        pinned: bool | None = None,
        muted_until: int | None = None,
        archived: bool | None = None,
    ) -> Chat:
        """Pin, mute (until a time in microseconds since 1970 UTC, 0: not) or archive for oneself. Idempotent."""
        body = SettingsPatch(pinned=pinned, muted_until=muted_until, archived=archived)
        return await self._ask("PATCH", f"/chats/{chat_id}/settings", Chat, body=body)

    async def members(self, chat_id: int) -> list[Member]:
        """Everybody in a chat, ascending user id."""
        return await self._all(f"/chats/{chat_id}/members", MembersPage, lambda page: page.members, _user_id)

    async def add_members(self, chat_id: int, user_ids: Sequence[int]) -> MembersAdded:
        """Add users to a group, all or none. Idempotent."""
        body = AddMembersRequest(member_ids=list(user_ids))
        return await self._ask("POST", f"/chats/{chat_id}/members", MembersAdded, body=body)

    async def remove_member(self, chat_id: int, user_id: int) -> None:
        """Leave a group (with one's own id), or remove a member as its owner."""
        await self._tell("DELETE", f"/chats/{chat_id}/members/{user_id}")

    async def hand_over(self, chat_id: int, user_id: int) -> Chat:
        """Make another member the owner of one's own group."""
        return await self._ask("POST", f"/chats/{chat_id}/owner", Chat, body=OwnerRequest(user_id=user_id))

    # --- messages

    async def messages_before(self, chat_id: int, at: int, limit: int = 1) -> list[Message]:
        """The newest messages older than a time (microseconds since 1970 UTC), ascending."""
        query = {"before": at, "limit": limit}
        return (await self._ask("GET", f"/chats/{chat_id}/messages", MessagesPage, query=query)).messages

    async def message(self, chat_id: int, seq: int) -> Message:
        """One message as it is now."""
        return await self._ask("GET", _message(chat_id, seq), Message)

    async def edit(
        self, chat_id: int, seq: int, text: str, *, mentions: Sequence[int] = (), mention_all: bool = False
    ) -> Message:
        """Give one of one's own messages another text. Idempotent."""
        named: Mentions = list(mentions)
        body = EditRequest(text=text, mentions=named, mention_all=mention_all)
        return await self._ask("PATCH", _message(chat_id, seq), Message, body=body)

    async def delete(self, chat_id: int, seq: int) -> None:
        """Take a message back. Idempotent."""
        await self._tell("DELETE", _message(chat_id, seq))

    async def react(self, chat_id: int, seq: int, emoji: str, *, on: bool) -> Message:
        """Put an emoji under a message, or take one's own away. Idempotent."""
        path = f"{_message(chat_id, seq)}/reactions/{quote(emoji, safe='')}"
        return await self._ask("PUT" if on else "DELETE", path, Message)

    async def pin(self, chat_id: int, seq: int, *, on: bool) -> Message:
        """Pin a message for everybody in its chat, or unpin it. Idempotent."""
        return await self._ask("PUT" if on else "DELETE", f"{_message(chat_id, seq)}/pin", Message)

    async def pins(self, chat_id: int) -> list[Message]:
        """The pinned messages of a chat, the one pinned last first."""
        return (await self._ask("GET", f"/chats/{chat_id}/pins", PinnedMessages)).messages

    async def seen_by(self, chat_id: int, seq: int) -> list[int]:
        """Who but its author has seen a message, ascending user id."""
        return await self._all(f"{_message(chat_id, seq)}/seen", SeenByPage, lambda page: page.user_ids, int)

    async def seen_markers(self, chat_id: int) -> list[SeenMarker]:
        """How far each member has read, ascending user id."""
        return await self._all(f"/chats/{chat_id}/seen", SeenMarkersPage, lambda page: page.markers, _user_id)

    async def search(
        self, words: str, *, newest: bool = True, limit: int = limits.SEARCH_PAGE_DEFAULT, cursor: str | None = None
    ) -> SearchPage:
        """A page of the messages that a search finds in all of one's chats; else the best matches come first."""
        query: dict[str, int | str] = {"q": words, "sort": "newest" if newest else "relevance", "limit": limit}
        if cursor is not None:
            query["cursor"] = cursor
        return await self._ask("GET", "/search", SearchPage, query=query)

    async def search_users(self, words: str, limit: int = limits.PAGE_DEFAULT) -> list[User]:
        """Users of whose name or address every word begins a word."""
        return (await self._ask("GET", "/users/search", UsersFound, query={"q": words, "limit": limit})).users

    # --- one's own account

    async def me(self) -> User:
        return await self._ask("GET", "/me", User)

    async def change_profile(self, profile: ProfileRequest) -> User:
        """Change name, status or picture; what is left out stays. Idempotent."""
        return await self._ask("PATCH", "/me", User, body=profile)

    async def upload(self, path: Path) -> FileInfo:
        """Send a file that is then one's own, for example to be one's picture."""
        from chatterm.client.uploads import upload_path  # noqa: PLC0415 - few sessions need it

        api, tokens = self._rest()
        return await upload_path(api, tokens, path, lambda _: None)

    async def change_password(self, current: str, new: str) -> None:
        """Replace the password; every other session ends."""
        await self._tell("POST", "/me/password", body=PasswordRequest(current=current, new=new))

    async def delete_account(self, password: str, *, messages: bool = False) -> None:
        """Delete one's own account for good; with `messages` also what one wrote."""
        await self._tell("DELETE", "/me", body=DeleteAccountRequest(password=password, messages=messages))

    async def sessions(self) -> list[SessionInfo]:
        """Where one is signed in, the session used last first."""
        return (await self._ask("GET", "/me/sessions", SessionsList)).sessions

    async def end_session(self, session_id: int) -> None:
        """Sign a device out."""
        await self._tell("DELETE", f"/me/sessions/{session_id}")

    async def end_other_sessions(self) -> None:
        """Sign every device out but this one."""
        await self._tell("DELETE", "/me/sessions")

    async def invite(self, *, uses: int = 1, days: int = 7) -> Invite:
        """Make an invitation to the server; its code is in this answer only."""
        return await self._ask("POST", "/invites", Invite, body=InviteRequest(uses=uses, days=days))

    async def invites(self) -> list[Invite]:
        """One's invitations that can still be used, newest first."""
        return (await self._ask("GET", "/invites", InvitesList)).invites

    async def withdraw_invite(self, invite_id: int) -> None:
        await self._tell("DELETE", f"/invites/{invite_id}")

    # --- within

    async def _ask(
        self,
        method: str,
        path: str,
        kind: type[T],
        *,
        query: Mapping[str, int | str] | None = None,
        body: msgspec.Struct | None = None,
    ) -> T:
        api, tokens = self._rest()
        return await tokens.call(lambda token: api.call(method, path, kind, token=token, query=query, body=body))

    async def _all(self, path: str, kind: type[P], items: Callable[[P], list[T]], place: Callable[[T], int]) -> list[T]:
        """What all pages of a list hold, at most as much as a group has members; `place` is what `after` names."""
        found: list[T] = []
        while len(found) < limits.GROUP_MEMBERS_MAX:
            page = await self._ask("GET", path, kind, query={"after": place(found[-1]) if found else 0})
            found += items(page)
            if not page.has_more:
                break
        return found

    async def _tell(self, method: str, path: str, *, body: msgspec.Struct | None = None) -> None:
        api, tokens = self._rest()
        await tokens.call(lambda token: api.request(method, path, token=token, body=body))


def _message(chat_id: int, seq: int) -> str:
    return f"/chats/{chat_id}/messages/{seq}"


def _user_id(item: Member | SeenMarker) -> int:
    return item.user_id
