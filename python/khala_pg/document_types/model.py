"""Types as a JSON Schema describes them, before a language gives them words."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Anything:
    """Every JSON value."""


@dataclass(frozen=True)
class Nothing:
    """No value at all."""


@dataclass(frozen=True)
class Primitive:
    """string, number, integer, boolean or null."""

    name: str


@dataclass(frozen=True)
class Literal:
    """One value. kind: string, integer or boolean; true is not 1."""

    kind: str
    value: str | int | bool


@dataclass(frozen=True)
class Array:
    """An array of equal elements."""

    items: "Type"


@dataclass(frozen=True)
class Member:
    """Member of an object."""

    type: "Type"
    required: bool
    description: str = ""


@dataclass(frozen=True)
class Object:
    """An object. others: type of members that have no name here; None where there are none."""

    members: Mapping[str, Member]
    others: "Type | None"


@dataclass(frozen=True)
class Union:
    """One of several; at least two, none of which is a union."""

    types: "tuple[Type, ...]"


@dataclass(frozen=True)
class Both:
    """What is of two types at once and has no simpler form."""

    types: "tuple[Type, ...]"


@dataclass(frozen=True)
class Reference:
    """A definition, by its name in the schema, or ROOT."""

    name: str


ROOT = ""
"""The whole schema. No definition that a schema refers to has an empty name."""


Type = Anything | Nothing | Primitive | Literal | Array | Object | Union | Both | Reference

_ANY_OBJECT = Object({}, Anything())

# Of an intersection of unions. Beyond, more is allowed than by the schema, never less.
_MOST_ALTERNATIVES = 256


@dataclass(frozen=True)
class Document:
    """Type of a topic's payloads, with the definitions that it refers to."""

    topic: str
    title: str
    description: str
    type: Type
    definitions: Mapping[str, Type]


def union(types: "list[Type] | tuple[Type, ...]") -> Type:
    """The union of types: without repetitions, flat, and no union where one type is enough."""
    flat: list[Type] = []
    for each in types:
        for part in each.types if isinstance(each, Union) else (each,):
            if isinstance(part, Anything):
                return part
            if not isinstance(part, Nothing) and part not in flat:
                flat.append(part)
    if Primitive("number") in flat and Primitive("integer") in flat:
        flat.remove(Primitive("integer"))
    wide = {part.name for part in flat if isinstance(part, Primitive)}
    if "number" in wide:
        wide.add("integer")
    kept = [part for part in flat if not (isinstance(part, Literal) and part.kind in wide)]
    if not kept:
        return Nothing()
    return kept[0] if len(kept) == 1 else Union(tuple(kept))


def both(one: Type, other: Type) -> Type:
    """The type of what is of both types."""
    if isinstance(one, Anything) or one == other:
        return other
    if isinstance(other, Anything):
        return one
    if isinstance(one, Nothing) or isinstance(other, Nothing):
        return Nothing()
    if (
        isinstance(one, Union)
        and isinstance(other, Union)
        and len(one.types) * len(other.types) > _MOST_ALTERNATIVES
    ):
        return one
    if isinstance(one, Union):
        return union([both(part, other) for part in one.types])
    if isinstance(other, Union):
        return union([both(one, part) for part in other.types])
    if isinstance(one, Object) and isinstance(other, Object):
        return _merged(one, other)
    if isinstance(one, Literal | Primitive) and isinstance(other, Literal | Primitive):
        return _narrower(one, other)
    if isinstance(one, Reference | Both) or isinstance(other, Reference | Both):
        # A definition is most often of objects. Where it is not, more is allowed, never less.
        if one == _ANY_OBJECT:
            return other
        if other == _ANY_OBJECT:
            return one
        return Both((*_parts(one), *(part for part in _parts(other) if part not in _parts(one))))
    if isinstance(one, Array) and isinstance(other, Array):
        return Array(both(one.items, other.items))
    return Nothing()


def _parts(type_: Type) -> tuple[Type, ...]:
    return type_.types if isinstance(type_, Both) else (type_,)


def _merged(one: Object, other: Object) -> Object:
    names = list(dict.fromkeys([*one.members, *other.members]))
    members = {}
    for name in names:
        here, there = one.members.get(name), other.members.get(name)
        if here and there:
            members[name] = Member(
                both(here.type, there.type),
                here.required or there.required,
                here.description or there.description,
            )
        else:
            found = here or there
            assert found is not None
            members[name] = found
    if one.others is None or other.others is None:
        return Object(members, None)
    return Object(members, both(one.others, other.others))


def _narrower(one: Literal | Primitive, other: Literal | Primitive) -> Type:
    if isinstance(one, Literal) and isinstance(other, Primitive):
        same = one.kind == other.name or (one.kind, other.name) == ("integer", "number")
        return one if same else Nothing()
    if isinstance(one, Primitive) and isinstance(other, Literal):
        return _narrower(other, one)
    if {one, other} == {Primitive("integer"), Primitive("number")}:
        return Primitive("integer")
    return Nothing()
