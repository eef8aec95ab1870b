"""The Lightning control plane of the legacy backend.

The legacy backend keeps the rules of the contract itself. So that they are written once, its
functions here call those of Postgres, in a database that is the legacy backend's own.
"""

import hmac
import json
from typing import Any

import psycopg

from khala_pg.lightning.api.operations import FUNCTIONS
from support.legacy.backend import Call, ConvexError, Function, Kind, LegacyBackend
from support.legacy.values import Value

_CODES = {
    "KH020": "invalid_arguments",
    "KH021": "conflict",
    "KH022": "unsupported_function",
    "KH023": "not_found",
}


def add_lightning(backend: LegacyBackend, dsn: str, secret: str) -> None:
    """Gives a backend these functions. They check the secret: callers need no other credential."""
    for each in FUNCTIONS:
        kind: Kind = "mutation" if each.is_mutation else "query"
        backend.functions[kind, each.name] = _calling(dsn, secret)
    backend.public |= {each.name for each in FUNCTIONS}


def _calling(dsn: str, secret: str) -> Function:
    def call(call: Call) -> Value:
        args = dict(call.args)
        given = args.pop("secret", None)
        if not isinstance(given, str) or not hmac.compare_digest(given.encode(), secret.encode()):
            raise ConvexError({"code": "invalid_ops_secret", "message": "the secret is wrong"})
        try:
            with psycopg.connect(dsn, autocommit=True) as connection:
                row = connection.execute(
                    "SELECT lightning.call(%s, %s::jsonb, %s)::text",
                    (call.path, json.dumps(_whole(args)), call.kind == "mutation"),
                ).fetchone()
        except psycopg.OperationalError as error:
            raise ConvexError({"code": "internal", "message": "it is down"}) from error
        except psycopg.Error as error:
            code = _CODES.get(error.sqlstate or "", "internal")
            said = {"code": code, "message": error.diag.message_primary or ""}
            raise ConvexError({**said, "hint": error.diag.message_hint or ""}) from error
        assert row is not None
        return _doubles(json.loads(row[0]))

    return call


def _whole(value: Any) -> Any:
    """Doubles that are whole as integers: JavaScript has no others."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {name: _whole(each) for name, each in value.items()}
        case list():
            return [_whole(each) for each in value]
    return value


def _doubles(value: Any) -> Value:
    match value:
        case bool():
            return value
        case int():
            return float(value)
        case dict():
            return {name: _doubles(each) for name, each in value.items()}
        case list():
            return [_doubles(each) for each in value]
    return value
