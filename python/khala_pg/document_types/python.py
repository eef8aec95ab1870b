"""Writes types of documents in Python, for 3.11 and newer."""

import keyword
import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import reduce

from khala_pg.document_types.model import (
    ROOT,
    Anything,
    Array,
    Both,
    Document,
    Literal,
    Member,
    Nothing,
    Object,
    Primitive,
    Reference,
    Type,
    Union,
    both,
)
from khala_pg.document_types.names import Names, one_line

_HEAD = '"""Types of the documents of topics, written by `khala types`: it overwrites changes."""\n'
_TYPING = ("Any", "Literal", "Never", "NotRequired", "TypeAlias", "TypedDict")
_WORDS = {
    "string": "str",
    "number": "float",
    "integer": "int",
    "boolean": "bool",
    "null": "None",
}


def python_source(documents: Sequence[Document]) -> str:
    """A module with a TypedDict for each object."""
    names = Names(_TYPING)
    parts: list[str] = []
    for document in documents:
        name = names.give(document.title, document.topic)
        defined = {each: names.give(f"{name} {each}") for each in document.definitions}
        schemas = {**document.definitions, ROOT: document.type}
        writer = _Writer(names, {**defined, ROOT: name}, schemas, parts)
        about = document.description or f"A document of {document.topic}."
        writer.declare(name, document.type, about)
        for each, type_ in document.definitions.items():
            writer.declare(defined[each], type_, "")
    body = "\n\n".join(parts)
    used = [word for word in _TYPING if re.search(rf"\b{word}\b", body)]
    return (
        f"{_HEAD}\nfrom __future__ import annotations\n\n"
        f"from typing import {', '.join(used)}\n\n\n{body}"
    )


class _Writer:
    """Declarations, in `parts`. names: of the definitions."""

    def __init__(
        self,
        free: Names,
        names: Mapping[str, str],
        definitions: Mapping[str, Type],
        parts: list[str],
    ) -> None:
        self._free = free
        self._names = names
        self._definitions = definitions
        self._parts = parts
        self._joined: list[tuple[Both, str]] = []

    def declare(self, name: str, type_: Type, about: str) -> None:
        if not isinstance(type_, Object) or not type_.members:
            text = self._text(type_, name)
            self._parts.append(f"{_comment(about, '')}{name}: TypeAlias = {_quoted(text)}\n")
            return
        is_class = all(map(_is_attribute, type_.members))
        lines = []
        for key, member in type_.members.items():
            text = self._member(member, f"{name} {key}")
            line = f"{key}: {text}" if is_class else f"{_quoted(key)}: {_quoted(text)},"
            indent = "    " if is_class else "        "
            lines.append(f"{_comment(member.description, indent)}{indent}{line}\n")
        if is_class:
            doc = f"    {_docstring(about)}\n\n" if about else ""
            source = f"class {name}(TypedDict):\n{doc}{''.join(lines)}"
        else:
            source = (
                f"{_comment(about, '')}{name} = TypedDict(\n    {_quoted(name)},\n    {{\n"
                f"{''.join(lines)}    }},\n)\n"
            )
        self._parts.append(source)

    def _member(self, member: Member, wish: str) -> str:
        text = self._text(member.type, wish)
        return text if member.required else f"NotRequired[{text}]"

    def _text(self, type_: Type, wish: str) -> str:
        """An expression of the type. wish: a name for it, should it need one."""
        match type_:
            case Anything():
                return "Any"
            case Nothing():
                return "Never"
            case Primitive(name):
                return _WORDS[name]
            case Literal(kind, value):
                return f"Literal[{_quoted(str(value)) if kind == 'string' else value}]"
            case Reference(name):
                return self._names[name]
            case Array(items):
                return f"list[{self._text(items, wish)}]"
            case Union(types):
                return self._union(types, wish)
            case Both():
                return self._both(type_, wish)
            case Object(members, others):
                if not members:
                    return f"dict[str, {self._text(others or Nothing(), wish)}]"
                name = self._free.give(wish)
                self.declare(name, type_, "")
                return name

    def _both(self, type_: Both, wish: str) -> str:
        known = self._definition(type_)
        if isinstance(known, Both | Reference):
            return "Any"
        if not isinstance(known, Object | Array | Union):
            return self._text(known, wish)
        # What definitions that contain themselves have in common may contain itself.
        for each, name in self._joined:
            if each == type_:
                return name
        name = self._free.give(wish)
        self._joined.append((type_, name))
        self.declare(name, known, "")
        return name

    def _union(self, types: Sequence[Type], wish: str) -> str:
        literals = [self._text(each, wish) for each in types if isinstance(each, Literal)]
        texts = [self._text(each, wish) for each in types if not isinstance(each, Literal)]
        if literals:
            inner = ", ".join(each.removeprefix("Literal[")[:-1] for each in literals)
            texts.insert(0, f"Literal[{inner}]")
        # What parts of an intersection have in common may be nothing.
        return " | ".join(dict.fromkeys(each for each in texts if each != "Never")) or "Never"

    def _definition(self, type_: Type) -> Type:
        if isinstance(type_, Reference):
            return self._definition(self._definitions[type_.name])
        if isinstance(type_, Both):
            return reduce(both, (self._definition(each) for each in type_.types))
        return type_


def _is_attribute(key: str) -> bool:
    """Whether a class has a member of just this name: Python normalises names."""
    return (
        key.isidentifier()
        and unicodedata.is_normalized("NFKC", key)
        and not keyword.iskeyword(key)
        and not key.startswith("__")
    )


def _quoted(text: str) -> str:
    body = "".join(
        rf"\{char}" if char in '\\"' else char if char.isprintable() else _escape(char)
        for char in text
    )
    return f'"{body}"'


def _escape(char: str) -> str:
    return rf"\u{ord(char):04x}" if ord(char) < 0x10000 else rf"\U{ord(char):08x}"


def _docstring(text: str) -> str:
    return f'""{_quoted(one_line(text))}""'


def _comment(text: str, indent: str) -> str:
    words = one_line(text)
    # A comment that begins with `type:` is read by type checkers.
    return f"{indent}#: {words}\n" if words else ""
