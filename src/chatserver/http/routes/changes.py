"""Operations that change a message: edit, delete, reactions and pins."""

from typing import Any, Final

from chatproto.models import Message
from chatproto.rest import EditRequest, PinnedMessages
from chatserver.http.operations import Call, Nothing, Operation
from chatserver.services.changes import MessageChanges
from chatserver.services.messages import Messages

_MESSAGE: Final = "/chats/{chatId}/messages/{seq}"
_TEXT_CODES: Final = ("notAuthor", "mentionsInvalid", "textEmpty", "textTooLong", "textNotAllowed")


def operations(changes: MessageChanges, messages: Messages) -> list[Operation]:
    """Changing messages, and what is pinned. Every change is idempotent."""
    return [*_texts(changes, messages), *_reactions(changes, messages), *_pins(changes, messages)]


def _texts(changes: MessageChanges, messages: Messages) -> list[Operation]:
    async def edit_message(call: Call[Nothing, EditRequest]) -> Message:
        body = call.body
        await changes.edit(*_place(call), text=body.text, mentions=body.mentions, mention_all=body.mention_all)
        return await messages.get(*_place(call))

    async def delete_message(call: Call[Nothing, None]) -> None:
        await changes.delete(*_place(call))

    return [
        Operation(
            method="PATCH",
            path=_MESSAGE,
            tag="messages",
            summary="Give one of the caller's own messages another text",
            handler=edit_message,
            body=EditRequest,
            answer=Message,
            errors=_TEXT_CODES,
            rate="write",
        ),
        Operation(
            method="DELETE",
            path=_MESSAGE,
            tag="messages",
            summary="Take a message back: one's own, or any in a group that is one's own",
            handler=delete_message,
            status=204,
            errors=("notAuthor",),
            rate="write",
        ),
    ]


def _reactions(changes: MessageChanges, messages: Messages) -> list[Operation]:
    async def put_reaction(call: Call[Nothing, None]) -> Message:
        await changes.react(*_place(call), call.text["emoji"], on=True)
        return await messages.get(*_place(call))

    async def delete_reaction(call: Call[Nothing, None]) -> Message:
        await changes.react(*_place(call), call.text["emoji"], on=False)
        return await messages.get(*_place(call))

    return [
        Operation(
            method="PUT",
            path=_MESSAGE + "/reactions/{emoji}",
            tag="messages",
            summary="Put an emoji under a message",
            handler=put_reaction,
            answer=Message,
            errors=("tooManyReactions",),
            rate="write",
        ),
        Operation(
            method="DELETE",
            path=_MESSAGE + "/reactions/{emoji}",
            tag="messages",
            summary="Take one's own emoji away from a message",
            handler=delete_reaction,
            answer=Message,
            rate="write",
        ),
    ]


def _pins(changes: MessageChanges, messages: Messages) -> list[Operation]:
    async def pin_message(call: Call[Nothing, None]) -> Message:
        await changes.pin(*_place(call), on=True)
        return await messages.get(*_place(call))

    async def unpin_message(call: Call[Nothing, None]) -> Message:
        await changes.pin(*_place(call), on=False)
        return await messages.get(*_place(call))

    async def list_pins(call: Call[Nothing, None]) -> PinnedMessages:
        return PinnedMessages(messages=await messages.pinned(call.user_id, call.path["chatId"]))

    return [
        Operation(
            method="PUT",
            path=_MESSAGE + "/pin",
            tag="messages",
            summary="Pin a message for all members of its chat",
            handler=pin_message,
            answer=Message,
            errors=("tooManyPins",),
            rate="write",
        ),
        Operation(
            method="DELETE",
            path=_MESSAGE + "/pin",
            tag="messages",
            summary="Unpin a message",
            handler=unpin_message,
            answer=Message,
            rate="write",
        ),
        Operation(
            method="GET",
            path="/chats/{chatId}/pins",
            tag="messages",
            summary="The pinned messages of a chat, the one pinned last first",
            handler=list_pins,
            answer=PinnedMessages,
        ),
    ]


def _place(call: Call[Any, Any]) -> tuple[int, int, int]:
    """Who asks, and the message that the address names."""
    return call.user_id, call.path["chatId"], call.path["seq"]
