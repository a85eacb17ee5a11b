"""The page at /docs: the API as plain HTML without scripts or other files, readable in a terminal's browser too."""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from html import escape
from typing import Any, Final

Schema = dict[str, Any]

_STYLE: Final = """
:root { color-scheme: light dark; --line: #8886; --soft: #8882; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 3rem; border-bottom: 1px solid var(--line); }
code, .method { font: 14px ui-monospace, monospace; }
code { background: var(--soft); padding: 0 .25em; border-radius: .25em; overflow-wrap: anywhere; }
.method { display: inline-block; min-width: 4.5em; font-weight: bold; }
details { border: 1px solid var(--line); border-radius: .4em; margin: .4rem 0; padding: .3rem .7rem; }
summary { cursor: pointer; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; }
td, th { text-align: left; vertical-align: top; border-top: 1px solid var(--line); padding: .25rem .5rem; }
p { margin: .5rem 0; }
"""
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
)
"""Allows this page's one style sheet and nothing else."""


def render(openapi: Schema, asyncapi: Schema) -> str:
    """The page as HTML."""
    return "\n".join(_page(openapi, asyncapi))


def _page(openapi: Schema, asyncapi: Schema) -> Iterator[str]:
    info = openapi["info"]
    title = f"{escape(info['title'])} {escape(info['version'])}"
    yield '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{title}: API</title><style>{_STYLE}</style></head><body><h1>{title}</h1>"
    yield f"<p>{_text(info['description'])}</p>"
    yield '<p>For programs: <a href="openapi.json">openapi.json</a>, <a href="asyncapi.json">asyncapi.json</a>.</p>'
    tags = [tag["name"] for tag in openapi["tags"]]
    links = [f'<a href="#tag-{escape(tag)}">{escape(tag)}</a>' for tag in tags]
    yield f"<nav><p>{' · '.join([*links, _link('frames', 'WebSocket frames'), _link('schemas', 'schemas')])}</p></nav>"
    for tag in tags:
        yield f'<h2 id="tag-{escape(tag)}">{escape(tag)}</h2>'
        for path, methods in openapi["paths"].items():
            for method, operation in methods.items():
                if tag in operation["tags"]:
                    yield from _operation(method, path, operation)
    yield from _frames(asyncapi)
    yield '<h2 id="schemas">schemas</h2>'
    for name, schema in sorted({**asyncapi["components"]["schemas"], **openapi["components"]["schemas"]}.items()):
        yield from _schema(name, schema)
    yield "</body></html>"


def _operation(method: str, path: str, operation: Schema) -> Iterator[str]:
    yield f'<details id="{escape(operation["operationId"])}"><summary><span class="method">{method.upper()}</span>'
    yield f"<code>{escape(path)}</code> {_text(operation['summary'])}</summary>"
    if not operation["security"]:
        yield "<p>Needs no token.</p>"
    parameters = [
        (_code(each["name"]), escape(each["in"]), _type(each["schema"]), _about(each))
        for each in operation["parameters"]
    ]
    if parameters:
        yield _table(("parameter", "in", "type", ""), parameters)
    if "requestBody" in operation:
        yield f"<p>Body: {_contents(operation['requestBody']['content'])}</p>"
    answers = [
        (escape(status), _contents(response.get("content", {})), _text(response["description"]))
        for status, response in operation["responses"].items()
    ]
    yield _table(("status", "answer", ""), answers)
    yield "</details>"


def _frames(asyncapi: Schema) -> Iterator[str]:
    yield f'<h2 id="frames">WebSocket frames</h2><p>{_text(asyncapi["info"]["description"])}</p>'
    for name, heading in (("fromClient", "A client sends"), ("fromServer", "A server sends")):
        frames = [message["$ref"].rpartition("/")[2] for message in asyncapi["operations"][name]["messages"]]
        yield f"<p>{heading}: {', '.join(_link(f'schema-{frame}', frame) for frame in frames)}.</p>"
    yield f"<p>{_text(asyncapi['channels']['socket']['description'])}</p>"


def _schema(name: str, schema: Schema) -> Iterator[str]:
    yield f'<details id="schema-{escape(name)}"><summary><code>{escape(name)}</code></summary>'
    yield f"<p>{_text(schema.get('description', ''))}</p>"
    required = schema.get("required", ())
    rows = [
        (_code(field), _type(each), "required" if field in required else "", _about(each))
        for field, each in schema.get("properties", {}).items()
    ]
    yield _table(("field", "type", "", ""), rows) if rows else f"<p>{_type(schema)}</p>"
    yield "</details>"


def _type(schema: Schema) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _link(f"schema-{name}", name)
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(_type(choice) for choice in schema[key])
    if "const" in schema:
        return _code(json.dumps(schema["const"]))
    if "enum" in schema:
        return " or ".join(_code(json.dumps(value)) for value in schema["enum"])
    if schema.get("type") == "array":
        items = schema.get("items") or {}
        inner = _type(items) if items else ", ".join(_type(item) for item in schema.get("prefixItems", ())) or "any"
        return f"list of {inner}"
    kind = schema.get("type", "bytes")
    return escape(" or ".join(kind) if isinstance(kind, list) else str(kind))


def _about(schema: Schema) -> str:
    inner = schema.get("schema", schema)
    said = schema.get("description") or inner.get("description") or ""
    bounds = {
        "minimum": "at least",
        "maximum": "at most",
        "minLength": "characters at least",
        "maxLength": "characters at most",
        "minItems": "entries at least",
        "maxItems": "entries at most",
        "default": "default",
    }
    facts = [f"{words} {json.dumps(inner[key])}" for key, words in bounds.items() if key in inner]
    return _text(" ".join(part for part in (said, f"({', '.join(facts)})" if facts else "") if part))


def _contents(content: Schema) -> str:
    return ", ".join(f"{_type(each['schema'])} ({escape(media_type)})" for media_type, each in content.items())


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Cells are HTML already."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _text(value: str) -> str:
    """Escaped, with `code` between backticks, and lines as they are."""
    parts = escape(value).replace("\n", "<br>").split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))


def _code(value: str) -> str:
    return f"<code>{escape(value)}</code>"


def _link(anchor: str, text: str) -> str:
    return f'<a href="#{escape(anchor)}">{escape(text)}</a>'
