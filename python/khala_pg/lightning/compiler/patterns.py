"""Patterns of hosts and paths: what they match, and which of two is more specific.

A host is a name, a wildcard (`*.` and a name: one label or more before it) or `*`. A path is exact,
a prefix (`/x/*`: everything below `/x/`), a regular expression, or `/*` for every path. A regular
expression is one because it contains a character that no plain path has, and matches the whole
path.
"""

import re
import warnings
from dataclasses import dataclass
from enum import IntEnum

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*\Z")
_MOST_CHARACTERS = 2_000
_REGEX_CHARACTERS = re.compile(r"[\[\](){}^$+?|\\]|\.\*")
_PLAIN_CHARACTER = re.compile(r"[^\[\](){}^$+*?|.\\]|\\[^\w\s]")
_PLAIN = re.compile(f"(?:{_PLAIN_CHARACTER.pattern})+")
_ESCAPED_OR_CLASS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]")
_INSIDE = re.compile(r"\([^()]*\)")
# The gateway's expressions are RE2's: nothing that looks around, refers back or sets flags, and no
# escapes of Python's own.
_NOT_RE2 = re.compile(r"\(\?(?!:|P<[A-Za-z_])|(?<!\\)(?:\\\\)*\\[1-9NUZu]")
# Outside of classes: what does not give back, a repetition without a least number, or over 1,000.
_NOT_RE2_REPETITION = re.compile(r"[*+?}]\+|\{,|\{(?:\d+,)?(?:\d{5,}|[1-9]\d{3}(?<!1000))[,}]")


class InvalidPatternError(ValueError):
    """A pattern cannot be read; the message says why."""


class HostKind(IntEnum):
    """Kinds of hosts, from general to specific."""

    ANY = 1
    WILDCARD = 2
    EXACT = 3


class PathKind(IntEnum):
    """Kinds of paths, from general to specific."""

    ANY = 1
    REGEX = 2
    PREFIX = 3
    EXACT = 4


@dataclass(frozen=True)
class HostPattern:
    """Host of a route. `name` is the part without wildcard, empty for `*`."""

    kind: HostKind
    name: str

    @property
    def specificity(self) -> tuple[int, int]:
        """Greater is more specific: by kind, then by length."""
        return self.kind, len(self.name)

    @property
    def regular_expression(self) -> str:
        """The pattern as the gateway reads it."""
        if self.kind is HostKind.ANY:
            return "^.*$"
        name = re.escape(self.name)
        return f"^{name}$" if self.kind is HostKind.EXACT else rf"^.+\.{name}$"

    def __str__(self) -> str:
        return {
            HostKind.ANY: "*",
            HostKind.WILDCARD: f"*.{self.name}",
            HostKind.EXACT: self.name,
        }[self.kind]

    def covering(self) -> list["HostPattern"]:
        """Every host pattern that matches all hosts that this one matches, itself first."""
        labels = self.name.split(".") if self.name else []
        first = 0 if self.kind is HostKind.WILDCARD else 1
        above = [
            HostPattern(HostKind.WILDCARD, ".".join(labels[n:])) for n in range(first, len(labels))
        ]
        exact = [self] if self.kind is HostKind.EXACT else []
        return [*exact, *above, HostPattern(HostKind.ANY, "")]


@dataclass(frozen=True)
class PathPattern:
    """Path of a route. `value` is the exact path, the prefix, or the expression without anchors."""

    kind: PathKind
    value: str

    @property
    def specificity(self) -> tuple[int, int]:
        """Greater is more specific: by kind, then, where length tells it, by length."""
        return self.kind, 0 if self.kind is PathKind.REGEX else len(self.value)

    @property
    def regular_expression(self) -> str:
        """The pattern as the gateway reads it."""
        if self.kind is PathKind.EXACT:
            return f"^{re.escape(self.value)}$"
        if self.kind is PathKind.REGEX:
            return f"^(?:{self.value})$"
        return f"^{re.escape(self.value)}.*$"

    @property
    def beginning(self) -> str:
        """Characters with which every matching path begins, as far as they are easily seen."""
        return _plain_beginning(self.value) if self.kind is PathKind.REGEX else self.value

    def __str__(self) -> str:
        return f"{self.value}*" if self.kind in {PathKind.ANY, PathKind.PREFIX} else self.value


def is_host_name(name: str) -> bool:
    return _HOST_NAME.match(name) is not None


def parse_host(pattern: str) -> HostPattern:
    """The host pattern in a string; raises InvalidPatternError."""
    host = pattern.strip().lower()
    if host == "*":
        return HostPattern(HostKind.ANY, "")
    wildcard = host.startswith("*.")
    name = host.removeprefix("*.")
    if not is_host_name(name):
        raise InvalidPatternError(
            f"host {pattern!r} is neither a host name, nor '*.' and a host name, nor '*'"
        )
    return HostPattern(HostKind.WILDCARD if wildcard else HostKind.EXACT, name)


def parse_path(pattern: str) -> PathPattern:
    """The path pattern in a string; raises InvalidPatternError."""
    path = pattern.strip()
    if len(path) > _MOST_CHARACTERS:
        raise InvalidPatternError(f"path of {len(path)} characters; {_MOST_CHARACTERS} are allowed")
    if not path.isprintable():
        raise InvalidPatternError(f"path {pattern!r} has a character that cannot be printed")
    path = path.removeprefix("^")
    if not path.startswith("/"):
        raise InvalidPatternError(f"path {pattern!r} does not begin with '/'")
    if path in {"/*", "/.*", "/.*$"}:
        return PathPattern(PathKind.ANY, "/")
    if _REGEX_CHARACTERS.search(path):
        return _parse_expression(path)
    if path.endswith("/*"):
        path, kind = path.removesuffix("*"), PathKind.PREFIX
    else:
        kind = PathKind.EXACT
    if "*" in path:
        raise InvalidPatternError(
            f"path {pattern!r} has a '*' that is not its end; [^/]+ matches one part of a path"
        )
    return PathPattern(kind, path)


def _plain_beginning(expression: str) -> str:
    if _has_alternatives(expression):
        return ""
    matched = _PLAIN.match(expression)
    parts = _PLAIN_CHARACTER.findall(matched.group()) if matched else []
    if matched and expression[matched.end() : matched.end() + 1] in {"*", "?", "{"}:
        parts = parts[:-1]
    return "".join(part.removeprefix("\\") for part in parts)


def _has_alternatives(expression: str) -> bool:
    """Whether a bar stands outside of every group and class."""
    outside = _INSIDE.sub("", _ESCAPED_OR_CLASS.sub("", expression))
    while (smaller := _INSIDE.sub("", outside)) != outside:
        outside = smaller
    return "|" in outside


def _parse_expression(path: str) -> PathPattern:
    # A dollar sign after an odd number of backslashes is a character, not an anchor.
    if re.search(r"(?<!\\)(?:\\\\)*\$\Z", path):
        path = path.removesuffix("$")
    outside = _ESCAPED_OR_CLASS.sub("x", path)
    if unsupported := _NOT_RE2.search(path) or _NOT_RE2_REPETITION.search(outside):
        raise InvalidPatternError(
            f"path {path!r} uses {unsupported.group()!r}, which the gateway does not understand"
        )
    try:
        with warnings.catch_warnings():
            # Of classes that Python may read otherwise one day.
            warnings.simplefilter("ignore", FutureWarning)
            re.compile(path)
    except (re.error, OverflowError, RecursionError) as error:
        raise InvalidPatternError(f"path {path!r} is no regular expression: {error}") from error
    return PathPattern(PathKind.REGEX, path)
