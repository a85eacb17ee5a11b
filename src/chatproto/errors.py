"""Error codes of the protocol: what each means, whether trying again can help, and what to do."""

from enum import IntEnum
from typing import Final, NamedTuple

import msgspec


class CodeSpec(NamedTuple):
    """What is fixed about one error code.

    `temporary` errors may succeed when the same request is sent again later; final ones never will.
    """

    http_status: int
    temporary: bool
    message: str
    hint: str


CODES: Final[dict[str, CodeSpec]] = {
    # Shape of what was sent
    "invalidJson": CodeSpec(400, False, "That is not valid JSON.", "Send one JSON object, encoded in UTF-8."),
    "invalidFrame": CodeSpec(
        400, False, "A field is missing or has the wrong form.", "Compare it with the protocol page."
    ),
    "unknownType": CodeSpec(
        400, False, "There is no frame of this type.", "Update the client, or compare the type with the protocol page."
    ),
    "tlsRequired": CodeSpec(400, False, "This address speaks TLS only.", "Use https:// in the server's address."),
    "tooLarge": CodeSpec(413, False, "The request is larger than allowed.", "Send less at a time."),
    "helloExpected": CodeSpec(400, False, "The first frame must be hello.", "Send hello with an access token first."),
    "protocolVersion": CodeSpec(
        400, False, "This server speaks another version of the protocol.", "Update the older side: client or server."
    ),
    "notFound": CodeSpec(
        404, False, "There is nothing at this address.", "Check the path, and that this is the chat server's address."
    ),
    "methodNotAllowed": CodeSpec(
        405, False, "This address does not take that method.", "Compare the request with the API page."
    ),
    # Who is asking
    "credentialsWrong": CodeSpec(
        401, False, "Email or password is wrong.", "Check both; the server's owner can set a new password."
    ),
    "passwordWrong": CodeSpec(
        403, False, "That is not your current password.", "Give the password that you log in with."
    ),
    "accountDisabled": CodeSpec(403, False, "This account is disabled.", "Ask the server's owner to enable it."),
    "registrationClosed": CodeSpec(
        403, False, "This server does not take registrations.", "Ask the server's owner for an account."
    ),
    "inviteInvalid": CodeSpec(
        403, False, "That invitation cannot be used.", "Check the code, or ask for a new invitation."
    ),
    "invitesDisabled": CodeSpec(
        403, False, "Users of this server cannot invite others.", "Ask the server's owner for an invitation."
    ),
    "resetCodeWrong": CodeSpec(
        403, False, "That code cannot be used for this email.", "Check both, or ask for a new code."
    ),
    "mailUnavailable": CodeSpec(
        403, False, "This server sends no mail.", "Ask the server's owner for a code that resets the password."
    ),
    "tokenMissing": CodeSpec(
        401, False, "This needs an access token.", "Send the header 'Authorization: Bearer TOKEN'."
    ),
    "tokenInvalid": CodeSpec(401, False, "The token is not valid.", "Log in again."),
    "tokenExpired": CodeSpec(401, True, "The access token has expired.", "Refresh it and try again."),
    "sessionRevoked": CodeSpec(401, False, "This session has been signed out.", "Log in again."),
    "originRefused": CodeSpec(
        403, False, "This web origin may not connect.", "Ask the server's owner to allow the origin."
    ),
    # What was asked for
    "notMember": CodeSpec(
        403,
        False,
        "There is no such chat, or you are not a member of it.",
        "Check the chat, or ask a member to add you.",
    ),
    "userNotFound": CodeSpec(404, False, "There is no such user.", "Check the address with 'chatterm users'."),
    "sessionNotFound": CodeSpec(404, False, "You have no such session.", "Look at the list of your sessions."),
    "inviteNotFound": CodeSpec(
        404, False, "You have no such invitation.", "It may be used up; look at the list of your invitations."
    ),
    "tooManyInvites": CodeSpec(
        409, False, "You have too many open invitations.", "Withdraw one, or wait until one is used or expires."
    ),
    "emailTaken": CodeSpec(409, False, "There is already a user with this email.", "Use another email, or log in."),
    "emailInvalid": CodeSpec(400, False, "That is not an email address.", "It should look like name@example.org."),
    "nameInvalid": CodeSpec(400, False, "That name cannot be used.", "Use 1 to 64 visible characters on one line."),
    "titleInvalid": CodeSpec(400, False, "That title cannot be used.", "Use 1 to 128 visible characters on one line."),
    "topicInvalid": CodeSpec(
        400, False, "That topic cannot be used.", "Use at most 256 visible characters on one line, or none."
    ),
    "statusInvalid": CodeSpec(
        400, False, "That status cannot be used.", "Use up to 128 visible characters on one line, or none."
    ),
    "avatarInvalid": CodeSpec(
        400, False, "That file cannot be a picture of you.", "Upload a PNG, JPEG, GIF or WebP image first."
    ),
    "passwordInvalid": CodeSpec(400, False, "That password cannot be used.", "Use 8 to 256 characters."),
    "membersInvalid": CodeSpec(400, False, "That list of members cannot be used.", "Name 1 to 2,000 existing users."),
    "notGroup": CodeSpec(
        409, False, "This is not a group.", "A direct chat has no title and always the same members; make a group."
    ),
    "notOwner": CodeSpec(
        403, False, "Only the group's owner may do this.", "Ask the owner, or to be made the owner yourself."
    ),
    "memberNotFound": CodeSpec(404, False, "That user is not a member of this group.", "Add the user first."),
    "groupFull": CodeSpec(
        409, False, "The group has no room for so many members.", "A group has at most 2,000; make another one."
    ),
    "messageNotFound": CodeSpec(
        404, False, "There is no such message in this chat.", "It may have been deleted; check the chat and its seq."
    ),
    "notAuthor": CodeSpec(
        403,
        False,
        "Only its author may do that.",
        "A message is edited by its author, and deleted by its author or the group's owner.",
    ),
    "mentionsInvalid": CodeSpec(
        400, False, "Somebody who is mentioned is not a member of this chat.", "Mention members only."
    ),
    "reactionInvalid": CodeSpec(400, False, "That is not an emoji.", "React with one emoji, such as 👍."),
    "tooManyReactions": CodeSpec(
        409, False, "The message has too many reactions.", "Use an emoji that is there already, if there is room."
    ),
    "tooManyPins": CodeSpec(409, False, "The chat has too many pinned messages.", "Unpin one first."),
    "fileNotFound": CodeSpec(404, False, "There is no such file.", "It may have been removed; upload it again."),
    "textEmpty": CodeSpec(400, False, "The message is empty.", "Write something first."),
    "textTooLong": CodeSpec(
        400, False, "The message is too long.", "At most 16,384 bytes of UTF-8; split it, or send a file."
    ),
    "textNotAllowed": CodeSpec(
        400, False, "The message holds a control character.", "Remove it; only line breaks and tabs are allowed."
    ),
    "clientIdConflict": CodeSpec(
        409, False, "This client id was already used for another message.", "Send the text again as a new message."
    ),
    "pushEndpointRefused": CodeSpec(
        400,
        False,
        "That push endpoint cannot be used.",
        "It must be an https address of a public host; the server's owner can allow others.",
    ),
    "pushKeysInvalid": CodeSpec(
        400, False, "Those push keys cannot be used.", "Send p256dh and auth as the browser or app gives them."
    ),
    "pushFailed": CodeSpec(
        409,
        False,
        "The push endpoint did not take the push.",
        "Check that its app runs, or register it anew.",
    ),
    "pushNotFound": CodeSpec(404, False, "There is no such push subscription.", "List your own with GET /me/push."),
    "tooManyPushes": CodeSpec(
        409, False, "You have too many push subscriptions.", "Remove one first: at most 20 are kept."
    ),
    "pushRulesInvalid": CodeSpec(
        400,
        False,
        "Those push rules cannot be used.",
        "Name a time zone like Europe/Berlin, or leave quietHours out.",
    ),
    # Files
    "uploadNotFound": CodeSpec(
        404, False, "There is no such upload.", "It may have expired or been dropped; begin a new one."
    ),
    "uploadOffset": CodeSpec(
        409, False, "The upload does not continue here.", "Go on at the offset of the header 'Upload-Offset'."
    ),
    "uploadConflict": CodeSpec(
        409, False, "This client id was already used for another upload.", "Begin a new upload with another client id."
    ),
    "fileTooLarge": CodeSpec(413, False, "The file is larger than this server takes.", "Send a smaller file."),
    "quotaExceeded": CodeSpec(
        403, False, "Your files take up all of the room you have.", "Delete messages with files that nobody needs."
    ),
    "lengthRequired": CodeSpec(
        411, False, "The size of the file is not known.", "Send the header 'Content-Length', or use an upload."
    ),
    "rangeInvalid": CodeSpec(
        416, False, "The file has no such range of bytes.", "Ask for bytes below the size in 'Content-Range'."
    ),
    "searchInvalid": CodeSpec(
        400, False, "The search cannot be understood.", 'Write words, "exact phrases" and filters such as from:anna.'
    ),
    "searchTooBroad": CodeSpec(
        400, False, "The search matches too much.", "Add a word, or narrow it with from:, in:, after: or before:."
    ),
    # The server's state
    "overloaded": CodeSpec(503, True, "The server is busy.", "Try again shortly."),
    "tooManyConnections": CodeSpec(
        429, True, "You have too many connections.", "Close those of other devices or programs, or wait for one to end."
    ),
    "rateLimited": CodeSpec(429, True, "Too many requests.", "Wait, then try again."),
    "diskFull": CodeSpec(503, True, "The server's disk is full.", "Tell the server's owner to free disk space."),
    "storageFailed": CodeSpec(
        503, True, "The server could not store this.", "Try again; tell the server's owner if it stays."
    ),
    "shuttingDown": CodeSpec(503, True, "The server is stopping.", "Reconnect in a moment."),
    "refusedBefore": CodeSpec(
        503, True, "An earlier message of this list was refused for now.", "Send it again after the earlier one."
    ),
    "internal": CodeSpec(
        500, True, "The server met an error it did not expect.", "Try again; tell the server's owner if it stays."
    ),
}
"""Every code the server may send. Codes are stable: they are never renamed or given another meaning."""


class CloseCode(IntEnum):
    """WebSocket close codes, RFC 6455 section 7.4 and the private range 4000 to 4999.

    A client reconnects with backoff after every code but those it must act on first.
    """

    NORMAL = 1000
    RESTARTING = 1012
    """The server stops or restarts: reconnect after a random delay."""
    TRY_LATER = 1013
    BAD_FRAME = 4400
    """A frame that cannot be read: reconnect, and tell the user that the client may be too old."""
    TOKEN = 4401
    """The access token is missing, invalid or expired: refresh it, then reconnect."""
    REVOKED = 4403
    """The session was signed out: log in again; do not reconnect."""
    HELLO_TIMEOUT = 4408
    PROTOCOL_VERSION = 4426
    """Update the older side; do not reconnect."""
    SLOW = 4429
    """The session read too slowly and its queue was full: reconnect and resume."""


class ErrorInfo(msgspec.Struct, rename="camel", frozen=True, omit_defaults=True):
    """An error as it travels: REST bodies, `error` frames and refusals inside `ack` all carry this.

    `code` is stable and meant for programs, `message` and `hint` are for people. `retry_after` is in
    seconds and only given for temporary errors.
    """

    code: str
    message: str
    hint: str = ""
    temporary: bool = False
    retry_after: float | None = None


class ChatError(Exception):
    """A refusal with a stable code; the only exception that services raise for a caller's mistake."""

    def __init__(self, code: str, detail: str = "", *, retry_after: float | None = None) -> None:
        """`code` must be a key of `CODES`; `detail` is appended to the code's own message."""
        spec = CODES[code]
        self.code = code
        self.temporary = spec.temporary
        self.http_status = spec.http_status
        self.retry_after = retry_after
        self.message = f"{spec.message} {detail}".strip()
        super().__init__(self.message)

    @classmethod
    def of(cls, info: ErrorInfo) -> "ChatError":
        """The refusal that was given in its wire form."""
        detail = info.message.removeprefix(CODES[info.code].message).strip()
        return cls(info.code, detail, retry_after=info.retry_after)

    def info(self) -> ErrorInfo:
        """The error in its wire form."""
        return ErrorInfo(
            code=self.code,
            message=self.message,
            hint=CODES[self.code].hint,
            temporary=self.temporary,
            retry_after=self.retry_after,
        )
