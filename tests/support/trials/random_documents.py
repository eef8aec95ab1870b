"""Random payloads with what canonical text can go wrong on, from a seed."""

import math
import random
import struct
import sys
from typing import Any

_ALPHABETS = (
    "abcxyzABC019_.-/ ",
    "\"\\\b\f\n\r\t\x01\x1f\x7f<>&'{[,:]}",
    "éßàÅ\u0301\u0130\u0131ñ\x80\x9f",
    "\u2028\u2029\ufeff\ufb33\ufffd\uffff\ue000\ud7ff中文",
    "\U0001f600\U00010000\U0001f1f3\U0010fffd\U0010fffe\U0010ffff",
)

_PLAIN = ("abcxyzABC019_.-/ ", "<>&'{[,:]} 01.", *_ALPHABETS[2:4])


def document(source: random.Random, *, plain: bool = False) -> dict[str, Any]:
    """An I-JSON object: mostly small, now and then deep or with many members.

    plain: most often one that khala_internal.is_plain_json takes, and then close to what it
    does not take.
    """
    members = source.choice((0, 1, 3, 5, 8, 30))
    return {
        _text(source, plain): _value(source, source.choice((1, 2, 3, 6)), plain)
        for _ in range(members)
    }


def _value(source: random.Random, depth: int, plain: bool) -> Any:
    kind = source.random()
    if depth > 0 and kind < 0.15:
        return {
            _text(source, plain): _value(source, depth - 1, plain)
            for _ in range(source.randrange(5))
        }
    if depth > 0 and kind < 0.3:
        return [_value(source, depth - 1, plain) for _ in range(source.randrange(5))]
    if kind < 0.6:
        return _number(source, plain)
    if kind < 0.9:
        return _text(source, plain)
    return source.choice((None, True, False))


def _text(source: random.Random, plain: bool) -> str:
    if plain:
        letters = source.choice(_PLAIN)
        # Keys that differ in length only.
        letters = source.choice(letters) if source.random() < 0.2 else letters
    else:
        letters = source.choice(_ALPHABETS) if source.random() < 0.7 else "".join(_ALPHABETS)
    return "".join(source.choices(letters, k=source.randrange(8)))


def _number(source: random.Random, plain: bool) -> int | float:
    match source.randrange(3 if plain else 7):
        case 0:
            return source.randint(-100, 100)
        case 1:
            power = 1 << source.randrange(51 if plain else 54)
            return source.choice((1, -1)) * min(power - source.randrange(2), 2**53 - 1)
        case 2:
            return round(source.uniform(-1000, 1000), source.randrange(6))
        case 3:
            return source.choice((0.0, -0.0, 5e-324, 1e21, 1e-7, 1e23, sys.float_info.max, 2e-308))
        case 4:
            return float(f"{source.randrange(10**17)}e{source.randint(-330, 290)}")
        case 5:
            return source.uniform(-10, 10) * 10.0 ** source.randint(-10, 25)
    while True:
        # Any bits there are.
        value = float(struct.unpack("<d", source.randbytes(8))[0])
        if math.isfinite(value):
            return value
