"""Bodies of the REST API that are not already nouns of the protocol, one module for each area."""

from chatproto.rest.accounts import (
    DeleteAccountRequest,
    Invite,
    InviteRequest,
    InvitesList,
    PasswordRequest,
    ProfileRequest,
    RegisterRequest,
    ResetMailRequest,
    ResetRequest,
)
from chatproto.rest.chats import (
    AddMembersRequest,
    ChatRequest,
    ChatsPage,
    DirectChatRequest,
    GroupChatRequest,
    GroupPatch,
    Member,
    MembersAdded,
    MembersPage,
    OwnerRequest,
    SettingsPatch,
)
from chatproto.rest.files import Upload, UploadRequest
from chatproto.rest.messages import MessagesPage
from chatproto.rest.push import (
    PushKey,
    PushKeys,
    PushMessage,
    PushRequest,
    PushRules,
    PushSubscription,
    PushSubscriptions,
    QuietHours,
)
from chatproto.rest.search import SearchHit, SearchPage
from chatproto.rest.server import ErrorBody, Health
from chatproto.rest.sessions import LoginRequest, RefreshRequest, SessionInfo, SessionsList, Tokens
from chatproto.rest.users import UsersFound, UsersPage

__all__ = [
    "AddMembersRequest",
    "ChatRequest",
    "ChatsPage",
    "DeleteAccountRequest",
    "DirectChatRequest",
    "ErrorBody",
    "GroupChatRequest",
    "GroupPatch",
    "Health",
    "Invite",
    "InviteRequest",
    "InvitesList",
    "LoginRequest",
    "Member",
    "MembersAdded",
    "MembersPage",
    "MessagesPage",
    "OwnerRequest",
    "PasswordRequest",
    "ProfileRequest",
    "PushKey",
    "PushKeys",
    "PushMessage",
    "PushRequest",
    "PushRules",
    "PushSubscription",
    "PushSubscriptions",
    "QuietHours",
    "RefreshRequest",
    "RegisterRequest",
    "ResetMailRequest",
    "ResetRequest",
    "SearchHit",
    "SearchPage",
    "SessionInfo",
    "SessionsList",
    "SettingsPatch",
    "Tokens",
    "Upload",
    "UploadRequest",
    "UsersFound",
    "UsersPage",
]
