"""The AsyncAPI 3.0 document of the WebSocket, made from the frames themselves."""

from importlib.metadata import version
from typing import Any, Final, get_args

import msgspec

from chatproto import PROTOCOL_VERSION
from chatproto.errors import CloseCode
from chatproto.frames import ClientFrame, ServerFrame
from chatserver.http.openapi import COMPONENTS, tidy

_CHANNEL: Final = "#/channels/socket"


def document() -> dict[str, Any]:
    """The AsyncAPI document (version 3.0.0): one channel, and every frame that each side may send."""
    _, components = msgspec.json.schema_components([ClientFrame, ServerFrame], ref_template=COMPONENTS)
    incoming, outgoing = _names(ClientFrame), _names(ServerFrame)
    closes = ", ".join(f"{code.value} {code.name}" for code in CloseCode)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "chatserver",
            "version": version("chatterm"),
            "description": f"Protocol version {PROTOCOL_VERSION}. Frames are JSON in text messages; `hello` is first.",
        },
        "defaultContentType": "application/json",
        "channels": {
            "socket": {
                "address": "/ws",
                "description": f"Close codes: {closes}.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in incoming + outgoing},
                "bindings": {"ws": {"method": "GET"}},
            }
        },
        "operations": {
            "fromClient": {"action": "receive", "channel": {"$ref": _CHANNEL}, "messages": _references(incoming)},
            "fromServer": {"action": "send", "channel": {"$ref": _CHANNEL}, "messages": _references(outgoing)},
        },
        "components": {
            "messages": {
                name: {"name": name, "payload": {"$ref": COMPONENTS.format(name=name)}} for name in incoming + outgoing
            },
            "schemas": tidy(components),
        },
    }


def _names(union: Any) -> list[str]:
    return [frame.__name__ for frame in get_args(union)]


def _references(names: list[str]) -> list[dict[str, str]]:
    return [{"$ref": f"{_CHANNEL}/messages/{name}"} for name in names]
