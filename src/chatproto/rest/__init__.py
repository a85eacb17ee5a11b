"""Bodies of the REST API that are not already nouns of the protocol, one module for each area."""

from chatproto.rest.chats import ChatRequest, ChatsPage, DirectChatRequest, GroupChatRequest
from chatproto.rest.messages import MessagesPage
from chatproto.rest.server import ErrorBody, Health
from chatproto.rest.sessions import LoginRequest, RefreshRequest, Tokens
from chatproto.rest.users import UsersPage

__all__ = [
    "ChatRequest",
    "ChatsPage",
    "DirectChatRequest",
    "ErrorBody",
    "GroupChatRequest",
    "Health",
    "LoginRequest",
    "MessagesPage",
    "RefreshRequest",
    "Tokens",
    "UsersPage",
]
