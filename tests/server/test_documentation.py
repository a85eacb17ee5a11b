"""What the server says about its own API: true, complete, and readable without any other server."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator

from chatproto import codec
from chatproto.frames import ClientFrame, ServerFrame
from chatserver.http import docs_page
from tests.support.server import Person, RunningServer


async def document(server: RunningServer, path: str) -> Any:
    answer = await server.http.get(path)
    assert answer.status_code == 200
    return answer.json()


def references(value: Any) -> set[str]:
    """Every `$ref` within a document."""
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(references, value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()


def resolve(whole: Any, reference: str) -> Any:
    for part in reference.removeprefix("#/").split("/"):
        whole = whole[part]
    return whole


@pytest.mark.parametrize("path", ["/openapi.json", "/asyncapi.json"])
async def test_every_reference_leads_somewhere(server: RunningServer, path: str) -> None:
    """A reader that resolves references finds all of them in the document."""
    whole = await document(server, path)
    for reference in references(whole):
        assert resolve(whole, reference)
    for schema in whole["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


async def test_operation_ids_are_unique(server: RunningServer) -> None:
    """Generators of client code make a function of each."""
    paths = (await document(server, "/openapi.json"))["paths"]
    ids = [operation["operationId"] for methods in paths.values() for operation in methods.values()]
    assert len(ids) == len(set(ids))


async def test_the_protocol_page_lists_the_same_operations(server: RunningServer) -> None:
    """Every call of the API stands in its table, and no other."""
    paths = (await document(server, "/openapi.json"))["paths"]
    offered = {(method.upper(), re.sub(r"{\w+}", "{}", path)) for path, methods in paths.items() for method in methods}
    page = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
    listed = set()
    for cell in re.findall(r"^\| (`[A-Z]+[` ].*?) \|", page, re.MULTILINE):
        methods: list[str] = []
        for call in re.findall(r"`([^`]+)`", cell):
            method, _, path = call.partition(" ")
            methods.append(method)
            if path:
                bare = re.sub(r"{\w+}", "{}", path.partition("?")[0])
                listed |= {(each, bare) for each in methods}
                methods = []
    assert listed == offered


async def test_every_frame_is_described(server: RunningServer) -> None:
    """Both directions name exactly the frames of the protocol."""
    whole = await document(server, "/asyncapi.json")
    for name, union in (("fromClient", ClientFrame), ("fromServer", ServerFrame)):
        named = [message["$ref"].rpartition("/")[2] for message in whole["operations"][name]["messages"]]
        assert named == [frame.__name__ for frame in get_args(union)]


async def test_frames_that_arrive_match_their_schema(server: RunningServer, anna: Person, ben: Person) -> None:
    """The schemas describe what really comes over a socket."""
    whole = await document(server, "/asyncapi.json")
    schemas = {frame.__struct_config__.tag: frame.__name__ for frame in get_args(ServerFrame)}
    chat = await anna.direct(ben)
    async with anna.socket() as socket, ben.socket() as other:
        assert socket.welcome is not None
        frames = [json.loads(codec.encode(socket.welcome))]
        await other.say(chat, "hello")
        frames.append(json.loads(await socket.raw.recv()))
    for frame in frames:
        schema = {"$ref": f"#/components/schemas/{schemas[frame['type']]}", "components": whole["components"]}
        Draft202012Validator(schema).validate(frame)


class _Page(HTMLParser):
    """Collects what a page would load, run and link to."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.loads += [tag] if tag in {"script", "img", "link", "iframe"} else []
        self.links += [values["href"] or ""] if "href" in values else []
        self.ids |= {values["id"] or ""} if "id" in values else set()


async def test_the_page_needs_nothing_but_itself(server: RunningServer) -> None:
    """No script, no other file, no other server; every link within it leads to a place on it."""
    answer = await server.http.get("/docs")
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-security-policy"] == docs_page.CONTENT_SECURITY_POLICY
    page = _Page()
    page.feed(answer.text)
    assert page.loads == []
    assert {link for link in page.links if not link.startswith("#")} == {"openapi.json", "asyncapi.json"}
    assert {link[1:] for link in page.links if link.startswith("#")} <= page.ids
    shown = re.findall(r'<span class="method">(\w+)</span><code>([^<]+)</code>', answer.text.replace("\n", ""))
    paths = (await document(server, "/openapi.json"))["paths"]
    assert sorted(shown) == sorted((method.upper(), path) for path, methods in paths.items() for method in methods)
