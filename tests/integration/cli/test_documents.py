"""`khala sink`, `get` and `query`, as a user calls them."""

import json
import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from khala_pg.postgres.server import PostgresServer
from support.postgres.databases import Database, Template, cloned
from support.programs.forked_khala import ForkedKhala, Streams, forked_khala
from support.programs.runs import environment, khala

TOPIC = "shop.orders"


@pytest.fixture(scope="module")
def database(
    newest_server: PostgresServer, template_of: Callable[[PostgresServer], Template]
) -> Iterator[Database]:
    with cloned(template_of(newest_server)) as database:
        with database.connect() as connection:
            connection.execute(
                "SELECT khala.register_topic('shop.orders', p_ownership => 'mixed',"
                " p_inline_limit_bytes => 1000, p_payload_mode => 'inline')"
            )
            connection.execute("SELECT khala.register_topic('shop.owned')")
            connection.execute("SELECT khala.register_topic('shop.clicks', p_writes => 'grouped')")
        yield database


@dataclass(frozen=True)
class Said:
    """What a command said."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> list[dict[str, Any]]:
        assert self.status == 0, self.err
        return [json.loads(line) for line in self.out.splitlines()]


Khala = Callable[..., Said]
Lines = Callable[..., str]


@pytest.fixture(scope="module")
def forked() -> Iterator[ForkedKhala]:
    with forked_khala(os.environ) as forked:
        yield forked


@pytest.fixture
def call(database: Database, forked: ForkedKhala, tmp_path: Path) -> Khala:
    def call(*words: str, stdin: str | None = None, dsn: str = database.dsn) -> Said:
        if stdin is None:
            done = forked(words, environment(dsn), tmp_path)
            said = Said(done.status, done.out, done.err)
        else:
            process = khala(*words, env=environment(dsn), stdin=stdin.encode())
            said = Said(process.returncode, process.stdout.decode(), process.stderr.decode())
        assert "Traceback" not in said.err, said.err
        return said

    return call


@pytest.fixture
def lines(tmp_path: Path) -> Lines:
    """A file with these lines."""
    file = tmp_path / "documents.ndjson"

    def written(*lines: str) -> str:
        file.write_text("\n".join(lines), "utf-8")
        return str(file)

    return written


def test_a_document_is_written_read_and_deleted(call: Khala, tmp_path: Path) -> None:
    key = "customer/42/order/7"
    assert call("sink", TOPIC, key, '{"n": 1, "é": null}').out == (
        f"{key}: applied, watermark 1; version 1 is stored\n"
    )
    file = tmp_path / "payload.json"
    file.write_text('\ufeff{"n": 2}', "utf-8")
    call("sink", TOPIC, key, "--file", str(file), "--version", "5")
    again = call("sink", TOPIC, key, "-", "--version", "5", "--json", stdin='{"n": 2}')
    assert again.json == [
        {
            "topic": TOPIC,
            "doc_key": key,
            "watermark": None,
            "outcome": "duplicate",
            "doc_version": 5,
        }
    ]
    waited = call("sink", TOPIC, key, '{"n": 2}', "--version", "5", "--json", "--wait")
    assert waited.json[0]["watermark"] == 2
    [read] = call("get", TOPIC, key, "--json").json
    assert read.pop("updated_at")
    assert read == {
        "topic": TOPIC,
        "doc_key": key,
        "doc_version": 5,
        "watermark": 2,
        "org_id": "dev",
        "payload": {"n": 2},
    }
    human = call("get", TOPIC, key).out
    assert re.match(rf"{key}: version 5, watermark 2, dev, \d{{4}}-.* UTC\n", human)
    assert json.loads(human.partition("\n")[2]) == {"n": 2}
    assert "stale_version" in call("sink", TOPIC, key, "--delete", "--version", "4").out
    assert "applied" in call("sink", TOPIC, key, "--delete").out
    gone = call("get", TOPIC, key)
    assert (gone.status, gone.out) == (1, "")
    assert f"document {key} of {TOPIC} is deleted: version 6, watermark 3" in gone.err
    never = call("get", TOPIC, "never")
    assert (never.status, "has no document never" in never.err) == (1, True)


def test_a_batch_names_the_line_that_is_refused(call: Khala, lines: Lines) -> None:
    documents = [json.dumps({"doc_key": f"batch/{n}", "payload": {"n": n}}) for n in range(2500)]
    done = call("sink", TOPIC, "--batch", "-", stdin="\n\n".join(documents))
    assert re.fullmatch(rf"{TOPIC}: 2500 applied; watermark \d+\n", done.out), done.err
    found = call("query", TOPIC, "--prefix", "batch/", "--limit", "3000", "--json").json
    assert len(found) == 2500
    assert {document["org_id"] for document in found} == {"dev"}

    documents[1500] = json.dumps({"doc_key": "batch/1500", "payload": {"text": "x" * 2000}})
    refused = call("sink", TOPIC, "--batch", lines(*documents))
    assert refused.status == 1
    assert "line 1501: payload of document 'batch/1500' has 2011 bytes" in refused.err
    assert "1\u202f000 documents before line 1001 written" in refused.err
    for line, reason in (
        ("[1]", "it is JSON, but no object"),
        ('{"doc_key": "a"', "Expecting"),
        ('{"doc_key": "a", "doc_key": "b"}', 'the key "doc_key" twice'),
        ('{"doc_key": "a\\u0000"}', "it holds U+0000"),
    ):
        wrong = call("sink", TOPIC, "--batch", lines('{"doc_key": "b", "payload": {}}', line))
        assert wrong.status == 2
        assert "line 2 is no document" in wrong.err
        assert reason in wrong.err
    # What stands before it is written.
    assert call("get", TOPIC, "b").status == 0
    deletion = lines('{"doc_key": "b", "deleted": true}')
    assert call("sink", TOPIC, "--batch", deletion, "--json").json[0]["outcome"] == "applied"


def test_staged_writes_are_waited_for(call: Khala, lines: Lines) -> None:
    staged = call("sink", "shop.clicks", "a", "{}")
    assert staged.out == "a: staged\n"
    [waited] = call("sink", "shop.clicks", "b", "{}", "--wait", "--json").json
    assert (waited["outcome"], waited["watermark"], waited["doc_version"]) == ("staged", 2, 1)
    call("sink", "shop.clicks", "--batch", lines('{"doc_key": "c", "payload": {}}'), "--wait")
    found = call("query", "shop.clicks", "--json").json
    assert [each["doc_key"] for each in found] == ["a", "b", "c"]


def test_a_version_is_waited_for(call: Khala) -> None:
    call("sink", TOPIC, "later", '{"n": 1}')
    with ThreadPoolExecutor(1) as threads:
        words = ("get", TOPIC, "later", "--at-least", "2", "--timeout", "60")
        waiting = threads.submit(call, *words, stdin="")
        call("sink", TOPIC, "later", '{"n": 2}')
        assert '"n": 2' in waiting.result().out
    late = call("get", TOPIC, "later", "--at-least", "3", "--timeout", "0.1")
    assert late.status == 1
    assert "has version 2, and not version 3 within 0.1 s" in late.err


def test_documents_are_found_by_content(call: Khala) -> None:
    for key, org, payload in (
        ("found/1", "a", '{"status": "open", "total": 5}'),
        ("found/2", "b", '{"status": "open", "total": 500}'),
        ("found/3", "a", '{"status": "shipped", "mark": "[red]"}'),
    ):
        call("sink", TOPIC, key, payload, "--org", org)
    within = ("query", TOPIC, "--prefix", "found/")

    def keys(*words: str) -> list[str]:
        return [each["doc_key"] for each in call(*within, *words, "--json").json]

    assert keys("--where", '$.status == "open"') == ["found/1", "found/2"]
    assert keys("--where", '$.status == "open"', "--where", "$.total > 100") == ["found/2"]
    assert keys("--org", "a", "--newest") == ["found/3", "found/1"]
    assert keys("--newest", "--limit", "1") == ["found/3"]
    assert keys("--where", '$.status == "\'; DROP TABLE x; --"') == []
    table = call(*within).out
    assert "found/3" in table
    assert '"[red]"' in table
    assert "like that" in call("query", TOPIC, "--prefix", "none/").out
    empty = "runtime.notifications"
    assert call("query", empty).out == f"Topic {empty} has no documents.\n"
    assert "$.total.double()" in call(*within, "--where", "$.status > 100").out

    call("sink", TOPIC, "long/1", json.dumps({"text": "x" * 500}), "--org", "o" * 40)
    [row] = [
        each for each in call("query", TOPIC, "--prefix", "long/").out.splitlines() if "xxx" in each
    ]
    assert row.split()[:2] == ["long/1", "1"], "a long payload takes no room from the others"
    for condition in ("$.status", "status = open", ""):
        wrong = call(*within, "--where", condition)
        assert wrong.status == 1
        assert "is no jsonpath predicate" in wrong.err
        assert '$.status == "open"' in wrong.err


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        ((TOPIC,), "no KEY is given", "khala sink"),
        ((TOPIC, "k"), "no payload is given", "--file or --delete"),
        ((TOPIC, "k", "{}", "--file", "x"), "two payloads", "--file"),
        ((TOPIC, "k", "{}", "--delete"), "excludes a payload", "Leave one"),
        ((TOPIC, "k", "{}", "--public", "--org", "a"), "exclude each other", "Leave one"),
        ((TOPIC, "k", "--batch", "-"), "--batch excludes", "into the lines"),
        ((TOPIC, "k", "--file", "none.json"), "none.json cannot be read", "No such file"),
        ((TOPIC, "k", "[1]"), "but no object", "Pass one JSON object"),
        ((TOPIC, "k", '{"a": 1, "a": 2}'), 'the key "a" twice', "Pass one JSON object"),
        ((TOPIC, "k", '{"a": NaN}'), "NaN", "Pass one JSON object"),
        ((TOPIC, "k", '{"a": 0.1234567890123456789}'), "a double cannot hold", "Pass one JSON"),
        ((TOPIC, "k", "{}", "--org", ""), "the organisation is empty", "KHALA_ORG"),
        ((TOPIC, "k", '{"a": "\\u0000"}'), "it holds U+0000", "Pass one JSON object"),
        ((TOPIC, "", "{}"), "doc_key has 0 characters", "1 to 512"),
        ((TOPIC, "\udcff", "{}"), "not UTF-8", "Write it in UTF-8"),
        (("shop.owned", "k", "{}", "--public"), "has no org_id", "--org"),
        (("shop.ordres", "k", "{}"), "'shop.ordres' is not known", "Did you mean shop.orders"),
    ],
)
def test_errors_name_the_next_step(
    call: Khala, words: tuple[str, ...], said: str, hint: str
) -> None:
    refused = call("sink", *words)
    assert refused.status in (1, 2)
    assert said in refused.err
    assert hint in refused.err


def test_a_backslash_is_no_u0000(call: Khala) -> None:
    assert call("sink", TOPIC, "backslash", r'{"a": "\\u0000"}').status == 0
    assert call("get", TOPIC, "backslash", "--json").json[0]["payload"] == {"a": r"\u0000"}


def test_nothing_becomes_public_by_being_forgotten(
    call: Khala, database: Database, lines: Lines, tmp_path: Path
) -> None:
    env = {name: value for name, value in environment(database.dsn).items() if name != "KHALA_ORG"}
    named = '{"doc_key": "named", "payload": {}, "org_id": "acme"}'
    public = '{"doc_key": "everybody", "payload": {}, "org_id": null}'
    gone = '{"doc_key": "gone", "deleted": true}'
    file = lines(named, public, gone, '{"doc_key": "forgotten", "payload": {}}')
    for words, said in (
        ([TOPIC, "forgotten", "{}"], b"no organisation is named"),
        ([TOPIC, "--batch", file], b"line 4 names no organisation"),
    ):
        refused = khala("sink", *words, env=env, cwd=tmp_path)
        assert refused.returncode == 2, refused
        assert said in refused.stderr
        assert b"--public" in refused.stderr
    assert call("get", TOPIC, "forgotten").status == 1
    assert call("get", TOPIC, "named", "--json").json[0]["org_id"] == "acme"
    assert call("get", TOPIC, "everybody", "--json").json[0]["org_id"] is None
    for words in ([TOPIC, "forgotten", "{}", "--public"], [TOPIC, "forgotten", "--delete"]):
        assert khala("sink", *words, env=env, cwd=tmp_path).returncode == 0


def test_what_nobody_can_confirm_is_not_forgotten(
    database: Database, forked: ForkedKhala, call: Khala, tmp_path: Path
) -> None:
    call("sink", TOPIC, "kept", "{}")
    words = ("forget", TOPIC, "kept")
    refused = forked(words, environment(database.dsn), tmp_path, streams=Streams(stdin="closed"))
    assert refused.status == 2
    assert "Pass --yes" in refused.err
    assert call("get", TOPIC, "kept").status == 0


def test_keys_that_a_terminal_would_obey_are_printed_escaped(call: Khala, lines: Lines) -> None:
    key = "a\x1b[2Jb"
    assert "\x1b" not in call("sink", TOPIC, key, "{}").out
    document = json.dumps({"doc_key": key, "payload": {"text": "x" * 2000}})
    for said in (call("get", TOPIC, f"{key}c"), call("sink", TOPIC, "--batch", lines(document))):
        assert said.status == 1
        assert "a\\u001b[2Jb" in said.err
    assert "a\\u001b[2Jb" in call("forget", TOPIC, key, "--yes").out


def test_times_are_compared(call: Khala) -> None:
    for key, at in (("times/1", "2026-03-01T00:30:00+01:00"), ("times/2", "2026-03-01")):
        call("sink", TOPIC, key, json.dumps({"at": at}))
    within = ("query", TOPIC, "--prefix", "times/", "--json")
    found = call(*within, "--where", '$.at.datetime() < "2026-03-01".datetime()').json
    assert [each["doc_key"] for each in found] == ["times/1"]


def test_roles(call: Khala, database: Database) -> None:
    call("sink", TOPIC, "of roles", "{}")
    for dsn in (database.dba_dsn, database.runtime_dsn):
        assert call("get", TOPIC, "of roles", dsn=dsn).status == 0
        assert call("query", TOPIC, dsn=dsn).status == 0
        assert "Did you mean shop.orders" in call("query", "shop.order", dsn=dsn).err
    assert "GRANT khala_runtime TO" in call("sink", TOPIC, "k", "{}", dsn=database.dba_dsn).err
    for command in ("sink {} k {{}}", "get {} k", "query {}"):
        refused = call(*command.format(TOPIC).split(), dsn=database.relay_dsn)
        assert refused.status == 2
        assert "GRANT khala_runtime TO" in refused.err
