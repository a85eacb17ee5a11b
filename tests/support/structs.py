"""Hypothesis strategies for any protocol type, derived from the type itself so that no field is forgotten."""

import base64
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect as types

Strategy = st.SearchStrategy[Any]

_WIRE_TEXT = st.characters(codec="utf-8")


def instances(kind: Any) -> Strategy:
    """Values of `kind` within its declared limits."""
    return _strategy(types.type_info(kind))


def _strategy(info: types.Type) -> Strategy:
    return _BUILDERS[type(info)](info)


def _integers(info: Any) -> Strategy:
    return st.integers(min_value=info.ge if info.ge is not None else -(2**53), max_value=info.le)


def _texts(info: Any) -> Strategy:
    return st.text(_WIRE_TEXT, min_size=info.min_length or 0, max_size=min(info.max_length or 40, 40))


def _lists(info: Any) -> Strategy:
    return st.lists(_strategy(info.item_type), min_size=info.min_length or 0, max_size=4)


def _structs(info: Any) -> Strategy:
    fields = {field.name: _strategy(field.type) for field in info.fields}
    return st.builds(info.cls, **fields)


_BUILDERS: dict[type, Callable[[Any], Strategy]] = {
    types.IntType: _integers,
    types.FloatType: lambda info: st.floats(info.ge or 0, info.le or 1e6).map(lambda value: round(value, 3)),
    types.BoolType: lambda _info: st.booleans(),
    types.NoneType: lambda _info: st.none(),
    types.StrType: _texts,
    types.BytesType: lambda info: st.binary(min_size=info.min_length or 0, max_size=info.max_length or 32),
    types.ListType: _lists,
    types.TupleType: lambda info: st.tuples(*(_strategy(item) for item in info.item_types)),
    types.LiteralType: lambda info: st.sampled_from(info.values),
    types.UnionType: lambda info: st.one_of(*(_strategy(item) for item in info.types)),
    types.StructType: _structs,
    types.Metadata: lambda info: _strategy(info.type),
}


def struct_types(union: Any) -> list[type[msgspec.Struct]]:
    """The struct classes of a union, or of one struct."""
    info = types.type_info(union)
    parts = info.types if isinstance(info, types.UnionType) else (info,)
    return [part.cls for part in parts if isinstance(part, types.StructType)]


def full(kind: Any) -> Any:
    """One value of `kind` as plain JSON types, with every field given."""
    return _full(types.type_info(kind))


def _full(info: Any) -> Any:
    return _FULL[type(info)](info)


def _full_struct(info: Any) -> Any:
    tag = {info.tag_field: info.tag} if info.tag_field else {}
    return tag | {field.encode_name: _full(field.type) for field in info.fields}


def _full_union(info: Any) -> Any:
    return _full(next(part for part in info.types if not isinstance(part, types.NoneType)))


_FULL: dict[type, Callable[[Any], Any]] = {
    types.IntType: lambda _info: 1,
    types.BoolType: lambda _info: True,
    types.StrType: lambda info: "x" * (info.min_length or 1),
    types.BytesType: lambda info: base64.b64encode(bytes(info.min_length or 0)).decode(),
    types.ListType: lambda info: [_full(info.item_type)],
    types.TupleType: lambda info: [_full(item) for item in info.item_types],
    types.UnionType: _full_union,
    types.StructType: _full_struct,
    types.Metadata: lambda info: _full(info.type),
}


def places(value: Any) -> Iterator[tuple[str | int, ...]]:
    """The path of every field and item within a plain value, the value itself not included."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield (key,)
        for rest in places(part):
            yield (key, *rest)
