"""Writes types of documents in TypeScript."""

import json
import re
from collections.abc import Mapping, Sequence

from khala_pg.document_types.model import (
    ROOT,
    Anything,
    Array,
    Both,
    Document,
    Literal,
    Nothing,
    Object,
    Primitive,
    Reference,
    Type,
    Union,
    union,
)
from khala_pg.document_types.names import Names, one_line

_HEAD = """\
// Types of the documents of topics, written by `khala types`: it overwrites changes.
// With this file in a program, khala-client knows them by the name of the topic.
"""


def typescript_source(documents: Sequence[Document]) -> str:
    """A module that exports each type, and tells khala-client of them."""
    names = Names({"KhalaTopics"})
    parts = [_HEAD]
    topics = []
    for document in documents:
        name = names.give(document.title, document.topic)
        defined = {each: names.give(f"{name} {each}") for each in document.definitions}
        writer = _Writer({**defined, ROOT: name})
        about = document.description or f"A document of {document.topic}."
        parts.append(_comment(about, "") + writer.declaration(name, document.type))
        parts.extend(
            writer.declaration(defined[each], type_) for each, type_ in document.definitions.items()
        )
        topics.append(f"    readonly {json.dumps(document.topic)}: {name};\n")
    parts.append(
        'declare module "khala-client" {\n  interface KhalaTopics {\n'
        + "".join(topics)
        + "  }\n}\n"
    )
    return "\n".join(parts)


class _Writer:
    """Expressions of types. names: of the definitions."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def declaration(self, name: str, type_: Type) -> str:
        if isinstance(type_, Object):
            return f"export interface {name} {self._object(type_, '')}\n"
        return f"export type {name} = {self._text(type_, '')};\n"

    def _text(self, type_: Type, indent: str) -> str:
        match type_:
            case Anything():
                return "unknown"
            case Nothing():
                return "never"
            case Primitive(name):
                return "number" if name == "integer" else name
            case Literal(_, value):
                return json.dumps(value, ensure_ascii=False)
            case Reference(name):
                return self._names[name]
            case Object():
                return self._object(type_, indent)
            case Array(items):
                return f"readonly {self._part(items, indent)}[]"
            case Union(types):
                return " | ".join(self._part(each, indent) for each in types)
            case Both(types):
                return " & ".join(self._part(each, indent) for each in types)

    def _part(self, type_: Type, indent: str) -> str:
        text = self._text(type_, indent)
        return f"({text})" if isinstance(type_, Array | Union | Both) else text

    def _object(self, type_: Object, indent: str) -> str:
        inner = indent + "  "
        lines = [
            _comment(member.description, inner)
            + f"{inner}readonly {_key(name)}{'' if member.required else '?'}: "
            f"{self._text(member.type, inner)};\n"
            for name, member in type_.members.items()
        ]
        if not type_.members or not isinstance(type_.others, Anything | None):
            of_all = union(
                [type_.others or Nothing(), *(each.type for each in type_.members.values())]
            )
            text = self._text(of_all, inner)
            if not all(each.required for each in type_.members.values()):
                text += " | undefined"
            lines.append(f"{inner}readonly [name: string]: {text};\n")
        return "{\n" + "".join(lines) + indent + "}"


def _key(name: str) -> str:
    if re.fullmatch(r"[A-Za-z_$][A-Za-z0-9_$]*", name):
        return name
    return json.dumps(name, ensure_ascii=False)


def _comment(text: str, indent: str) -> str:
    words = one_line(text).replace("*/", "*\\/")
    return f"{indent}/** {words} */\n" if words else ""
