"""Every program with every setting that can be wrong: one JSON object, exit status 1."""

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from khala_pg.lightning.operations.configuration import ROLES
from support.gateway.gateway import Gateway
from support.gateway.server import variables
from support.http.control_plane import SECRET
from support.programs.forked_khala import Done, forked_khala
from support.programs.operators import PREFIX, PROGRAMS

NOWHERE = "http://127.0.0.1:1"
PLANE = {f"{PREFIX}API_BASE_URL": NOWHERE, f"{PREFIX}SECRET": SECRET}
Run = Callable[[str, dict[str, str]], Done]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    directory = tmp_path_factory.mktemp("nothing here")
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    with forked_khala(os.environ) as khala:
        yield lambda words, settings: khala(
            ["lightning", *words.split()], {**kept, **settings}, directory
        )


def error_of(run: Run, words: str, settings: dict[str, str]) -> dict[str, Any]:
    done = run(f"{words} --json", settings)
    assert (done.status, done.err) == (1, ""), done
    said = json.loads(done.out)
    assert said["ok"] is False
    error: dict[str, Any] = said["error"]
    assert error["message"]
    assert error["hint"]
    return error


@pytest.mark.parametrize("words", PROGRAMS)
def test_what_is_not_set(run: Run, words: str) -> None:
    error = error_of(run, words, {})
    assert error["code"] == "invalid_configuration"
    assert error["variables"] == [f"{PREFIX}API_BASE_URL", f"{PREFIX}SECRET"]
    error = error_of(run, words, {**PLANE, f"{PREFIX}API_BASE_URL": "relay.example:4001"})
    assert error["variables"] == [f"{PREFIX}API_BASE_URL"]


@pytest.mark.parametrize("words", PROGRAMS)
def test_an_unknown_mode(run: Run, words: str) -> None:
    cases: tuple[tuple[str, dict[str, str]], ...]
    cases = (("--mode both", {}), ("", {f"{PREFIX}CONTROL_PLANE_MODE": "Api"}), ("--mode=", {}))
    for option, settings in cases:
        error = error_of(run, f"{words} {option}", settings)
        assert error["code"] == "invalid_mode"
        assert "mock, api are allowed" in error["message"]


@pytest.mark.parametrize("words", PROGRAMS)
def test_a_call_that_cannot_be_read(run: Run, words: str) -> None:
    for option in ("--timeout soon", "--timeout 0", "--no-such-option", "a b c"):
        error = error_of(run, f"{words} {option}", {})
        assert error["code"] == "invalid_call"
    assert run(f"{words} --no-such-option", {}).status == 2


def test_people_are_told_in_words(run: Run) -> None:
    done = run("compile", {})
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith(f"khala: {PREFIX}API_BASE_URL is not set; {PREFIX}SECRET is not set")


@pytest.mark.parametrize("words", ["reconcile", "smoke staging", "smoke full-flow"])
def test_settings_of_the_gateway(run: Run, words: str) -> None:
    error = error_of(run, words, PLANE)
    names = ("GATEWAY_BASE_URL", "CHALLENGE_URL", "PROXY_URL", "GATEWAY_OPS_TOKEN")
    assert error["variables"] == [PREFIX + name for name in names]
    right = variables(NOWHERE, Gateway())
    for name, value in (
        ("GATEWAY_BASE_URL", "gateway.example"),
        ("CHALLENGE_URL", "ftp://gateway.example/"),
        ("PROXY_URL", "https://"),
        ("WALLET_URL", "https://wallet.example:notaport"),
        ("GATEWAY_OPS_TOKEN", "  "),
        ("GATEWAY_HEALTH_PATH", "healthz"),
    ):
        error = error_of(run, words, {**PLANE, **right, PREFIX + name: value})
        assert error["variables"] == [PREFIX + name]


def test_credentials_are_told_apart_in_the_order_of_the_roles(run: Run) -> None:
    names = [f"{PREFIX}CRED_{role.upper()}" for role in ROLES]
    cases: list[tuple[list[str], list[int], list[int]]] = [
        (["", "", ""], [0, 1, 2], []),
        (["x" * 15, " " * 20, "long enough, with spaces"], [1], [0, 2]),
        (["x" * 16, "x" * 16 + "\n", "x" * 16], [], [1]),
        (["x" * 16, "x" * 16, ""], [2], []),
    ]
    for values, missing, unusable in cases:
        settings = {**PLANE, **dict(zip(names, values, strict=True))}
        error = error_of(run, "smoke security", settings)
        assert error["missingRoles"] == [ROLES[number] for number in missing]
        assert error["unusableRoles"] == [ROLES[number] for number in unusable]
        assert error["code"] == ("missing_credentials" if missing else "unusable_credentials")
        assert "x" * 15 not in str(error)


def test_nothing_to_read(run: Run) -> None:
    error = error_of(run, "settlements ingest none.jsonl --mode mock", {})
    assert error["code"] == "unreadable_file"


def test_help_teaches(run: Run) -> None:
    for words in PROGRAMS:
        done = run(f"{words} --help", {})
        assert done.status == 0
        assert "Example" in done.out
        assert f"khala lightning {words}" in done.out
