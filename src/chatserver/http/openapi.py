"""The OpenAPI 3.1 document of the REST API, made from the operations themselves."""

import inspect
from collections.abc import Iterable, Iterator, Sequence
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Final

import msgspec

from chatproto.errors import CODES
from chatproto.rest import ErrorBody
from chatserver.http.operations import PATH_PARAMETERS, Nothing, Operation, Raw

Schema = dict[str, Any]

COMPONENTS: Final = "#/components/schemas/{name}"
_TOKEN_CODES: Final = ("tokenMissing", "tokenInvalid", "tokenExpired", "sessionRevoked")
_ANY_TIME_CODES: Final = ("overloaded", "diskFull", "storageFailed", "shuttingDown")


def document(operations: Sequence[Operation]) -> Schema:
    """The OpenAPI document (version 3.1.0) of these operations."""
    types = [ErrorBody, *_types_of(operations)]
    schemas, components = msgspec.json.schema_components(types, ref_template=COMPONENTS)
    by_type = dict(zip(map(_key, types), schemas, strict=True))
    paths: dict[str, Schema] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, by_type)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "chatserver",
            "version": version("chatterm"),
            "description": "A light, self-hosted chat server. The WebSocket at /ws is described by /asyncapi.json.",
        },
        "tags": [{"name": name} for name in dict.fromkeys(operation.tag for operation in operations)],
        "paths": paths,
        "components": {
            "schemas": tidy(components),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "An access token."}},
        },
    }


def common_errors(operation: Operation) -> tuple[str, ...]:
    """The codes that an operation may refuse with because of what it is, not of what it does."""
    codes = ["invalidFrame"]
    if operation.rate != "none":
        codes += [*_ANY_TIME_CODES, "rateLimited"]
    if not operation.public:
        codes += _TOKEN_CODES
    if operation.body is not None:
        codes += ["tooLarge"] if isinstance(operation.body, Raw) else ["invalidJson", "tooLarge"]
    if operation.path_parameters:
        codes.append("notFound")
        codes += [PATH_PARAMETERS[name].code for name in operation.path_parameters]
    return tuple(codes)


def tidy(value: Any) -> Any:
    """A schema made fit to be shown: docstrings as paragraphs, `const` for a single value."""
    if isinstance(value, list):
        return [tidy(item) for item in value]
    if not isinstance(value, dict):
        return value
    tidied = {key: tidy(item) for key, item in value.items()}
    if isinstance(tidied.get("description"), str):
        tidied["description"] = inspect.cleandoc(tidied["description"])
    if isinstance(tidied.get("enum"), list) and len(tidied["enum"]) == 1:
        tidied["const"] = tidied.pop("enum")[0]
    return tidied


def _key(kind: Any) -> str:
    return repr(kind)


def _types_of(operations: Iterable[Operation]) -> list[Any]:
    kinds = [kind for operation in operations for kind in (operation.body, operation.answer)]
    return list({_key(kind): kind for kind in kinds if kind is not None and not isinstance(kind, Raw)}.values())


def _operation(operation: Operation, by_type: dict[str, Schema]) -> Schema:
    described: Schema = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "parameters": [*_path_parameters(operation), *_header_parameters(operation), *_query_parameters(operation)],
        "responses": _responses(operation, by_type),
        "security": [] if operation.public else [{"token": []}],
    }
    if operation.body is not None:
        # Bytes may also be none at all: an empty file, or an upload's empty last piece.
        required = not isinstance(operation.body, Raw)
        described["requestBody"] = {"required": required, "content": _content(operation.body, by_type)}
    return described


def _path_parameters(operation: Operation) -> Iterator[Schema]:
    for name in operation.path_parameters:
        parameter = PATH_PARAMETERS[name]
        schema = dict(parameter.schema)
        yield {"name": name, "in": "path", "required": True, "description": parameter.description, "schema": schema}


def _header_parameters(operation: Operation) -> Iterator[Schema]:
    for name, header in operation.headers.items():
        yield {
            "name": name,
            "in": "header",
            "required": header.required,
            "description": header.description,
            "schema": dict(header.schema),
        }


def _query_parameters(operation: Operation) -> Iterator[Schema]:
    if operation.query is Nothing:
        return
    _, components = msgspec.json.schema_components([operation.query])
    described = tidy(components[operation.query.__name__])
    for name, schema in described["properties"].items():
        yield {
            "name": name,
            "in": "query",
            "required": name in described.get("required", ()),
            "schema": _without_null(schema),
        }


def _without_null(schema: Schema) -> Schema:
    """Absence stands for null in a query string."""
    if schema.get("default", "") is None:
        schema = {key: value for key, value in schema.items() if key != "default"}
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        rest = {key: value for key, value in schema.items() if key != "anyOf"}
        return {**choices[0], **rest}
    return schema


def _responses(operation: Operation, by_type: dict[str, Schema]) -> Schema:
    responses: Schema = {str(operation.status): _answer(operation, operation.status, by_type)}
    for status, meaning in operation.other_statuses.items():
        responses[str(status)] = {**_answer(operation, status, by_type), "description": meaning}
    refusals: dict[int, list[str]] = {}
    for code in dict.fromkeys((*common_errors(operation), *operation.errors)):
        refusals.setdefault(CODES[code].http_status, []).append(code)
    for status in sorted(refusals):
        lines = [f"- `{code}`: {CODES[code].message} {CODES[code].hint}" for code in refusals[status]]
        refusal = {
            "description": "\n".join(lines),
            "content": {"application/json": {"schema": by_type[_key(ErrorBody)]}},
        }
        assert str(status) not in responses, f"{operation.name} answers and refuses with {status}"
        responses[str(status)] = refusal
    return responses


def _answer(operation: Operation, status: int, by_type: dict[str, Schema]) -> Schema:
    answer: Schema = {"description": HTTPStatus(status).phrase}
    if operation.answer is not None and status not in {204, 304}:
        answer["content"] = _content(operation.answer, by_type)
    return answer


def _content(kind: Any, by_type: dict[str, Schema]) -> Schema:
    if isinstance(kind, Raw):
        return {kind.media_type: {"schema": {"description": kind.description}}}
    return {"application/json": {"schema": by_type[_key(kind)]}}
