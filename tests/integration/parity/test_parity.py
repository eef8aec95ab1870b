"""`khala parity` against the stand-in of the legacy backend: what is wrong is found, and named."""

import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from support.legacy.backend import Fault, FunctionError, LegacyBackend, TransportError
from support.legacy.server import serving
from support.legacy.values import Value
from support.postgres.databases import Database
from support.programs.runs import KHALA, khala_text
from support.relay.relays import ready_relay, running_relay
from support.relay.scraping import scrape

RUNS, WORKERS = "runtime.run_summaries", "runtime.codex_worker_summaries"
TABLES = {RUNS: "run_summaries", WORKERS: "codex_worker_summaries"}
_HELD = "SELECT payload FROM runtime.sync_stream_events WHERE doc_key = %s AND doc_version = %s"
_DOCUMENTS = """
SELECT topic, doc_key, payload FROM runtime.sync_documents
WHERE topic = ANY (%s) AND NOT deleted
"""


@dataclass
class Result:
    """What a command printed, as JSON lines, and how it ended."""

    status: int
    errors: str
    lines: list[dict[str, Any]] = field(default_factory=list)

    @property
    def cycle(self) -> dict[str, Any]:
        [found] = [line for line in self.lines if line["type"] == "cycle"]
        return found

    def reasons(self) -> dict[str, tuple[str, int]]:
        """Reason and drift of each mismatch, by document."""
        return {
            line["doc_key"]: (line["reason"], line["drift"])
            for line in self.lines
            if line["type"] == "mismatch"
        }


async def khala(database: Database, *arguments: str, backend: LegacyBackend | None = None) -> str:
    """Runs `khala parity` and fails unless it ends well; its output."""
    status, out, err = await run(database, backend or LegacyBackend(), *arguments)
    assert status == 0, out + err
    return out


async def run(database: Database, backend: LegacyBackend, *arguments: str) -> tuple[int, str, str]:
    done = await asyncio.to_thread(
        khala_text,
        *("parity", *arguments, "--database", database.dba_dsn),
        env={**os.environ, "KHALA_PUBLISH_ADMIN_KEY": backend.admin_key},
        timeout=120,
    )
    return done.returncode, done.stdout, done.stderr


async def once(
    database: Database, backend: LegacyBackend, url: str, *arguments: str, settle: str = "0"
) -> Result:
    """One cycle."""
    status, out, err = await run(
        database,
        backend,
        *("--url", url, "--once", "--json", "--settle", settle, "--sample", "1000"),
        *arguments,
    )
    assert "Traceback" not in err
    return Result(status, err, [json.loads(line) for line in out.splitlines()])


def write(database: Database, number: int, events: int) -> None:
    """Runs and workers with so many events each."""
    with database.connect() as connection:
        for n in range(number):
            for _ in range(events):
                connection.execute(
                    "SELECT khala.append_run_event(%s, 'run.progress', %s, 'acme'),"
                    " khala.append_codex_worker_event(%s, 'worker.idle', '{}', 'acme')",
                    (f"r{n}", json.dumps({"percent": n / 7}), f"w{n}"),
                )
        # Larger than what a double counts exactly, and still one.
        connection.execute(
            "SELECT khala.append_run_event('large', 'run.progress', %s)",
            ('{"bytes": 9007199254740994}',),
        )


def published(database: Database) -> LegacyBackend:
    """A backend that holds what Khala does now."""
    backend = LegacyBackend()
    with database.connect() as connection:
        for topic, key, payload in connection.execute(_DOCUMENTS, [list(TABLES)]).fetchall():
            backend.tables[TABLES[topic]][key] = as_values(payload)
    return backend


def as_values(payload: Any) -> Value:
    """JSON as a publisher sends it: an integer beyond doubles is an Int64, others are Float64."""
    match payload:
        case bool() | None | str():
            return payload
        case int():
            return payload if abs(payload) > 2**53 else float(payload)
        case list():
            return [as_values(each) for each in payload]
        case dict():
            return {name: as_values(each) for name, each in payload.items()}
    return payload


def held(database: Database, key: str, version: int) -> dict[str, Value]:
    """The document as Khala held it."""
    with database.connect() as connection:
        [(payload,)] = connection.execute(_HELD, [key, version]).fetchall()
    found: dict[str, Value] = as_values(json.loads(payload))
    return found


def run_key(name: str) -> str:
    return f"runtime/run_summary:{name}"


def worker_key(name: str) -> str:
    return f"runtime/codex_worker_summary:{name}"


async def test_both_sides_are_the_same(database: Database) -> None:
    write(database, 5, 2)
    backend = published(database)
    assert backend.tables["run_summaries"][run_key("large")]["progress"]["bytes"] == 2**53 + 2
    backend.tables["run_summaries"][run_key("r1")]["projected_at"] = "some other time"
    async with serving(backend) as url:
        result = await once(database, backend, url)
        assert (result.status, result.errors) == (0, "")
        assert (result.cycle["compared"], result.cycle["reasons"]) == (11, {"none": 11})
        said = await khala(database, "--url", url, "--once", "--topic", RUNS, backend=backend)
        assert said == "6 documents compared, 0 mismatches, greatest drift 0\n"
        said = await khala(database, "--gates", "--json")
    gates = {gate["gate"]: gate for gate in map(json.loads, said.splitlines())}
    assert {name: gate["is_met"] for name, gate in gates.items()} == dict.fromkeys(
        ["compared", "last_cycle_age", "unread_rate", "mismatch_rate", "missing", "p95_drift"], True
    )
    assert gates["compared"]["found"] == 17


async def test_each_mismatch_is_found_and_named(database: Database) -> None:
    write(database, 8, 4)
    backend = published(database)
    runs = backend.tables["run_summaries"]
    workers = backend.tables["codex_worker_summaries"]
    runs[run_key("r0")]["status"] = "planted"
    del runs[run_key("r1")]
    runs[run_key("r2")] = held(database, run_key("r2"), 1)
    runs[run_key("r3")] = {**held(database, run_key("r3"), 2), "status": "planted"}
    runs[run_key("r4")]["latest_seq"] = 2**53 + 1  # no double
    runs["runtime/run_summary:of nobody"] = {"latest_seq": 1.0}  # not to be found: see the guide
    with database.connect() as connection:
        connection.execute(
            'UPDATE runtime.sync_documents SET payload = payload || \'{"status": "planted"}\''
            " WHERE doc_key = %s",
            [run_key("r5")],
        )
        connection.execute("DELETE FROM runtime.sync_documents WHERE doc_key = %s", [run_key("r6")])
        connection.execute(
            "SELECT khala.sink_delete(%s, %s, 99)",
            (WORKERS, worker_key("w1")),
        )
        connection.execute("UPDATE runtime.entities SET latest_seq = 9 WHERE id = 'w2'")
    del workers[worker_key("w3")]
    async with serving(backend) as url:
        result = await once(database, backend, url)
        assert result.status == 1
        assert result.reasons() == {
            run_key("r0"): ("hash_mismatch", 0),
            run_key("r1"): ("legacy_missing", 0),
            run_key("r2"): ("lag_drift", 3),
            run_key("r3"): ("hash_and_lag_drift", 2),
            run_key("r4"): ("hash_and_lag_drift", 2**53 - 3),
            run_key("r5"): ("hash_mismatch", 0),
            run_key("r6"): ("khala_missing", 0),
            worker_key("w1"): ("khala_missing", 0),
            worker_key("w2"): ("lag_drift", 5),
            worker_key("w3"): ("legacy_missing", 0),
        }
        assert result.cycle["mismatches"] == 10
        assert result.cycle["reasons"]["none"] == 17 - 10
        status, out, err = await run(database, backend, "--url", url, "--once", "--settle", "0")
        assert status == 1
        assert "khala: the two sides are not the same" in err
        assert f"{RUNS} {run_key('r2')}: lag_drift of 3: Khala sha256:" in out
        assert f"{RUNS} {run_key('r1')}: legacy_missing: Khala sha256:" in out
        assert "held as version 1" in out
        assert "17 documents compared, 10 mismatches (hash_and_lag_drift 2, hash_mismatch 2" in out
        status, out, err = await run(database, backend, "--gates")
    assert status == 1
    assert "mismatch_rate" in out
    assert "khala: not met: mismatch_rate, missing, p95_drift" in err


async def test_an_update_on_its_way_is_no_mismatch(database: Database) -> None:
    """The publisher delivers after the first look and before the last one."""
    write(database, 3, 2)
    backend = published(database)
    runs = backend.tables["run_summaries"]
    current = dict(runs)
    runs[run_key("r0")] = held(database, run_key("r0"), 1)
    del runs[run_key("r1")]
    reads: list[str] = []
    read = backend.functions["query", "runtime:getRunSummary"]

    def get(call: Any) -> Value:
        value = read(call)
        reads.append(call.args["document_id"])
        if len(reads) == len(current):  # all of the first look
            runs.update(current)
        return value

    backend.functions["query", "runtime:getRunSummary"] = get
    async with serving(backend) as url:
        result = await once(database, backend, url, "--topic", RUNS)
    assert (result.status, result.lines) == (0, [result.cycle])
    assert sorted(reads[len(current) :]) == [run_key("r0"), run_key("r1")]


async def test_updates_go_on_while_it_compares(database: Database) -> None:
    """A document that changes at each look is right with any version since the cycle began."""
    write(database, 2, 1)
    backend = published(database)
    table = backend.tables["run_summaries"]
    version = 1
    read = backend.functions["query", "runtime:getRunSummary"]

    def get(call: Any) -> Value:
        nonlocal version
        if call.args["document_id"] == run_key("r0"):
            for _ in range(3):
                write_one(database)
            version += 3
            # Delivered is the one before the last.
            table[run_key("r0")] = held(database, run_key("r0"), version - 1)
        return read(call)

    backend.functions["query", "runtime:getRunSummary"] = get
    async with serving(backend) as url:
        result = await once(database, backend, url, "--topic", RUNS)
    assert (result.status, result.lines) == (0, [result.cycle])


def write_one(database: Database) -> None:
    with database.connect() as connection:
        connection.execute("SELECT khala.append_run_event('r0', 'run.progress', '{}')")


async def test_a_backend_that_is_away_is_an_error_and_is_counted(database: Database) -> None:
    write(database, 3, 1)
    backend = published(database)
    async with serving(backend) as url:
        pass
    result = await once(database, backend, url)
    assert result.status == 1
    assert "cannot be reached" in result.errors
    assert (result.cycle["compared"], result.cycle["unread"]) == (0, 7)
    assert "cannot be reached" in result.cycle["error"]
    status, out, _ = await run(database, backend, "--gates", "--json")
    assert status == 1
    assert not any(json.loads(line)["is_met"] for line in out.splitlines())
    with database.connect() as connection:
        [totals] = connection.execute(
            "SELECT (SELECT sum(documents) FROM khala.parity_stats WHERE reason = 'unread'),"
            " (SELECT cycles FROM runtime.parity_cycle_totals WHERE outcome = 'failed')"
        ).fetchall()
    assert totals == (7, 1)


async def test_one_that_does_not_respond_costs_a_time_limit_and_not_one_for_each_document(
    database: Database,
) -> None:
    write(database, 20, 1)
    backend = published(database)
    backend.hold()
    async with serving(backend) as url:
        limits = ("--timeout", "0.5", "--concurrency", "2")
        began = asyncio.get_running_loop().time()
        result = await once(database, backend, url, *limits)
        backend.release()
    assert asyncio.get_running_loop().time() - began < 15
    assert "no response in 0.5 s" in result.errors
    assert (result.status, result.cycle["unread"]) == (1, 41)


async def test_a_part_that_cannot_be_read_is_no_mismatch_and_no_success(database: Database) -> None:
    write(database, 3, 1)
    backend = published(database)
    backend.faults = [
        Fault(FunctionError("Server Error"), lambda call: "r1" in call.args["document_id"], None),
        Fault(
            TransportError(503, "Overloaded", "come back later"),
            lambda call: "w1" in call.args["document_id"],
            None,
        ),
    ]
    async with serving(backend) as url:
        result = await once(database, backend, url)
    assert result.status == 1
    assert result.reasons() == {}
    assert (result.cycle["compared"], result.cycle["unread"], result.cycle["error"]) == (5, 2, None)
    assert "runtime:getRunSummary failed: Server Error" in result.errors
    assert "responds with 503: come back later" in result.errors


WRONG: list[tuple[str, Callable[[dict[str, Any]], Value], str]] = [
    (
        "another",
        lambda args: {**args, "document_id": "x", "summary": {}},
        "returned something else",
    ),
    ("none", lambda args: "hello", "returned something else than the document: "),
    ("bytes", lambda args: {**args, "summary": b"\x00"}, ""),
    ("null", lambda args: {**args, "summary": {"title": "\x00"}}, ""),
    ("infinite", lambda args: {**args, "summary": {"n": float("inf")}}, ""),
]


@pytest.mark.parametrize(("name", "answer", "said"), WRONG, ids=[each[0] for each in WRONG])
async def test_a_wrong_answer_is_named(
    newest_database: Database, name: str, answer: Callable[[dict[str, Any]], Value], said: str
) -> None:
    write(newest_database, 0, 1)
    backend = LegacyBackend()
    backend.functions["query", "runtime:getRunSummary"] = lambda call: answer(call.args)
    async with serving(backend) as url:
        result = await once(newest_database, backend, url)
    assert result.status == 1
    if said:
        assert said in result.errors
    else:
        assert result.reasons() == {run_key("large"): ("hash_mismatch", 0)}


async def test_a_wrong_credential_is_named(newest_database: Database) -> None:
    write(newest_database, 0, 1)
    backend = LegacyBackend()
    async with serving(backend) as url:
        result = await once(newest_database, LegacyBackend(admin_key="another"), url)
    assert result.status == 1
    assert "the legacy backend refuses the credential" in result.errors
    assert "KHALA_PUBLISH_ADMIN_KEY" in result.errors
    assert "another" not in result.errors


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--once"], 2, "where the legacy backend is"),
        (["--url", "happy.convex.cloud", "--once"], 2, "no address of a legacy backend"),
        (["--url", "ws://happy.convex.cloud", "--once"], 2, "no address of a legacy backend"),
        (["--url", "https://a.b/?x=1", "--once"], 2, "no address of a legacy backend"),
        (["--url", "http://127.0.0.1:1", "--topic", "runtime.notifications"], 2, "has no query"),
        (["--url", "http://127.0.0.1:1", "--sample", "0"], 2, "--sample"),
        (["--gates", "--window", "2 days"], 1, "p_window is"),
        (["--gates", "--window", "soon"], 2, "cannot read a value"),
    ],
)
async def test_wrong_options(
    newest_database: Database, arguments: list[str], status: int, said: str
) -> None:
    done, _, err = await run(newest_database, LegacyBackend(), *arguments)
    assert done == status
    assert said in err
    assert "Traceback" not in err


async def test_it_goes_on_through_outages(newest_database: Database) -> None:
    """Of the legacy backend; each cycle is a line, until it is stopped."""
    write(newest_database, 2, 1)
    backend = published(newest_database)
    async with serving(backend) as url:
        port = int(url.rpartition(":")[2])
    process = await asyncio.create_subprocess_exec(
        KHALA,
        *("parity", "--url", url, "--interval", "1", "--json", "--settle", "0"),
        *("--database", newest_database.dba_dsn),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "KHALA_PUBLISH_ADMIN_KEY": backend.admin_key},
    )
    assert process.stdout is not None
    async with asyncio.timeout(90):
        assert json.loads(await process.stdout.readline())["compared"] == 0
        async with serving(backend, port):
            compared = 0
            while not compared:
                compared = json.loads(await process.stdout.readline())["compared"]
        assert compared == 5
        process.terminate()
        await process.communicate()


async def test_two_at_once_do_not_meet_and_relays_show_both(newest_database: Database) -> None:
    write(newest_database, 5, 1)
    backend = published(newest_database)
    del backend.tables["run_summaries"][run_key("r1")]
    async with serving(backend) as url:
        results = await asyncio.gather(*[once(newest_database, backend, url) for _ in range(2)])
    for result in results:
        assert result.reasons() == {run_key("r1"): ("legacy_missing", 0)}
        assert result.cycle["compared"] == 11
    assert len({result.cycle["cycle"] for result in results}) == 2
    async with running_relay(newest_database, metrics_port=0) as running:
        await ready_relay(running)
        seen = await scrape(running)
    assert seen.value("khala_parity_cycles_total", outcome="complete") == 2
    counted = {
        (topic, reason): seen.value("khala_parity_documents_total", topic=topic, reason=reason)
        for topic, reason in [(RUNS, "none"), (RUNS, "legacy_missing"), (WORKERS, "none")]
    }
    assert counted == {(RUNS, "none"): 10, (RUNS, "legacy_missing"): 2, (WORKERS, "none"): 10}
    assert seen.value("khala_parity_mismatch_ratio") == pytest.approx(2 / 22)
    assert seen.value("khala_parity_max_drift") == 0
    assert "khala_parity_p95_drift" in seen.names()
    assert 0 < seen.value("khala_parity_last_cycle_age_seconds") < 300


async def test_an_error_of_any_characters_ends_no_cycle(database: Database) -> None:
    write(database, 1, 1)
    backend = published(database)
    backend.faults = [Fault(FunctionError("no\x00\n"), lambda call: True, times=None)]
    async with serving(backend) as url:
        found = await once(database, backend, url)
    assert found.status == 1
    assert found.cycle["unread"] == found.cycle["sampled"] > 0
    assert r"failed: no\x00\n" in found.cycle["error"]
