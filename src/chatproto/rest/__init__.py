"""Bodies of the REST API that are not already nouns of the protocol, one module for each area."""

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
from chatproto.rest.sessions import LoginRequest, RefreshRequest, Tokens
from chatproto.rest.users import UsersPage

__all__ = [
    "AddMembersRequest",
    "ChatRequest",
    "ChatsPage",
    "DirectChatRequest",
    "ErrorBody",
    "GroupChatRequest",
    "GroupPatch",
    "Health",
    "LoginRequest",
    "Member",
    "MembersAdded",
    "MembersPage",
    "MessagesPage",
    "OwnerRequest",
    "PushKey",
    "PushKeys",
    "PushMessage",
    "PushRequest",
    "PushRules",
    "PushSubscription",
    "PushSubscriptions",
    "QuietHours",
    "RefreshRequest",
    "SearchHit",
    "SearchPage",
    "SettingsPatch",
    "Tokens",
    "Upload",
    "UploadRequest",
    "UsersPage",
]
