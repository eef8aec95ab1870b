"""`khala ingest`: bulk loading, errors with their line, exactly once whatever happens."""

import json
import random
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from khala_pg.cli.text import number
from support.postgres.consistency import check_topic
from support.postgres.databases import Database
from support.programs.runs import KHALA, NO_DATABASE, environment, events, khala, summary
from support.trials.seeds import choose_seed
from support.trials.waiting import wait_until

RUNS = "runtime.run_summaries"


def line(entity_id: str, seq: int, **more: Any) -> str:
    event = {"entity": "run", "id": entity_id, "seq": seq, "type": "run.progress"}
    return json.dumps({**event, "payload": {"lines": seq}, **more})


def write(path: Path, lines: list[str]) -> str:
    path.write_text("".join(one + "\n" for one in lines))
    return str(path)


def count(database: Database) -> int:
    with database.connect() as connection:
        row = connection.execute("SELECT count(*) FROM runtime.entity_events").fetchone()
    assert row is not None
    return int(row[0])


def check_histories(database: Database, entities: int, length: int) -> None:
    """Every run has its whole history once, and the summary of it."""
    with database.connect() as connection:
        rows = connection.execute(
            "SELECT r.id, r.latest_seq, count(*), min(e.seq), max(e.seq),"
            " (max(d.payload::text)::jsonb -> 'progress' ->> 'lines')::bigint, max(d.doc_version)"
            " FROM runtime.runs AS r JOIN runtime.run_events AS e USING (id)"
            " JOIN runtime.sync_run_summaries AS d ON d.doc_key = 'runtime/run_summary:' || r.id"
            " GROUP BY r.id, r.latest_seq"
        ).fetchall()
        assert len(rows) == entities
        for row in rows:
            assert row[1:] == (length, length, 1, length, length, length), row
        check_topic(connection, RUNS)


def test_several_files_are_loaded_and_an_error_names_its_own(
    newest_database: Database, tmp_path: Path
) -> None:
    first = write(
        tmp_path / "first.jsonl", [line("r", 1, org_id="dev"), line("r", 2, org_id="dev")]
    )
    second = write(tmp_path / "second.jsonl", [line("r", 3, org_id="dev"), "nonsense"])
    env = environment(newest_database.runtime_dsn)
    done = khala("ingest", first, second, env=env)
    assert done.returncode == 1
    assert f"{second}, line 2: is not JSON" in " ".join(done.stderr.decode().split())
    assert count(newest_database) == 3
    write(Path(second), [line("r", 3, org_id="dev")])
    done = khala("ingest", first, second, env=env)
    assert done.stdout == b"0 events loaded, 3 were there already\n"


def test_a_growing_file_is_followed_across_rotation_and_an_outage(
    newest_database: Database, tmp_path: Path
) -> None:
    def let_in(connections: int) -> None:
        with newest_database.connect() as connection:
            connection.execute(
                f"ALTER DATABASE {newest_database.name} CONNECTION LIMIT {connections}"
            )
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'khala ingest'"
            )

    def append(*lines: str) -> None:
        with path.open("a") as file:
            file.write("".join(one + "\n" for one in lines))

    def loaded(events: int) -> None:
        wait_until(lambda: count(newest_database) == events, f"{events} events are loaded", 60)

    path = tmp_path / "events.jsonl"
    write(path, [line("r", 1, org_id="dev")])
    with subprocess.Popen(
        [KHALA, "ingest", "--follow", path],
        env=environment(newest_database.runtime_dsn),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            loaded(1)
            append(line("r", 2, org_id="dev"))
            loaded(2)
            # Rotated as logrotate does, while its writer is not done with it; without a line feed.
            with path.open("a") as old:
                path.rename(tmp_path / "events.jsonl.1")
                old.write(line("r", 3, org_id="dev"))
            write(path, [line("r", 4, org_id="dev")])
            loaded(4)
            let_in(0)
            append(line("r", 5, org_id="dev"))
            assert process.stderr is not None
            assert b"trying again" in process.stderr.readline() + process.stderr.readline()
            let_in(-1)
            loaded(5)
            process.send_signal(signal.SIGINT)
            output, error = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 0, error
    assert output == b"5 events loaded, 0 were there already\n"
    assert b"Traceback" not in error


def test_a_followed_line_that_is_no_event_is_reported_and_skipped(
    newest_database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "events.jsonl"
    write(path, [line("r", 1, org_id="dev"), "half a li"])
    with subprocess.Popen(
        [KHALA, "ingest", "--follow", path],
        env=environment(newest_database.runtime_dsn),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            assert process.stderr is not None
            assert process.stderr.readline().startswith(b"khala: skipped line 2: is not JSON")
            with path.open("a") as file:
                file.write(line("r", 2, org_id="dev") + "\n[]\n" + line("r", 3) + "\n")
            assert b"skipped line 4: is not a JSON object" in process.stderr.readline()
            wait_until(lambda: count(newest_database) == 3, "what is around it is loaded", 60)
            # What the database refuses ends it: what follows in that run would be refused as well.
            with path.open("a") as file:
                file.write(line("r", 5, org_id="dev") + "\n")
            _, error = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 1
    assert b"line 6: " in error


def test_loads_runs_and_workers(database: Database, tmp_path: Path) -> None:
    file = write(
        tmp_path / "events.jsonl",
        [
            line("r", 1, type="run.started", org_id="dev", payload={"title": "é"}),
            line("w", 1, entity="codex_worker", type="worker.busy", payload={"task": "t"}),
            "",
            line("r", 2, occurred_at="2026-01-01T12:00:00+02:00"),
        ],
    )
    done = khala("ingest", file, env=environment(database.runtime_dsn))
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"3 events loaded, 0 were there already\n"
    document = summary(database, "r")
    assert (document["title"], document["owner"], document["event_count"]) == ("é", "dev", 2)
    assert document["latest_event_at"] == "2026-01-01T10:00:00.000000Z"
    assert summary(database, "w", "codex_worker")["task"] == "t"


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("{", "line 1503: is not JSON"),
        (
            line("r", 1502, payload={"n": 1}, orgid="x"),
            'line 1503: event has the unknown field "or',
        ),
        (line("r", 1504), "line 1503: event 1504 of run 'r' would leave a gap"),
        (line("r", 7, type="other"), "line 1503: event 7 of run 'r' is already there with other"),
        (line("r", 1502, org_id="other"), "line 1503: run 'r' belongs to organisation 'dev'"),
        (line("r", 1502, payload=[]), "line 1503: field payload of the event is a JSON array"),
        (
            line("r", 1502)[:-1] + ', "payload": {"n": 0.1234567890123456789}}',
            'line 1503: an object has the key "payload" twice',
        ),
        (
            line("r", 1502).replace('"lines": 1502', '"n": 9007199254740993'),
            "line 1503: number 9007199254740993 is not exactly a double",
        ),
        (line("r", 1502, payload={"a": "x" * 1_100_000}), "line 1503: payload of the event has"),
    ],
)
def test_an_error_names_its_line(
    newest_database: Database, tmp_path: Path, bad: str, says: str
) -> None:
    good = [line("r", seq) for seq in range(1, 1502)]
    # The blank line must be counted too.
    file = write(tmp_path / "events.jsonl", [*good[:3], "", *good[3:], bad, line("r", 1502)])
    env = environment(newest_database.runtime_dsn)
    done = khala("ingest", file, env=env)
    assert done.returncode == 1
    assert says in done.stderr.decode().replace("\n", " ")
    assert b"Traceback" not in done.stderr

    corrected = write(tmp_path / "corrected.jsonl", [*good, line("r", 1502)])
    assert khala("ingest", corrected, env=env).returncode == 0
    check_histories(newest_database, 1, 1502)


def test_lines_of_a_slow_writer_go_in_as_they_come(newest_database: Database) -> None:
    with subprocess.Popen(
        [KHALA, "ingest", "-"],
        env=environment(newest_database.runtime_dsn),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        for seq in (1, 2, 3):
            process.stdin.write((line("r", seq) + "\n").encode())
            process.stdin.flush()
            wait_until(lambda seq=seq: count(newest_database) == seq, "the line is loaded")  # type: ignore[misc]
        output, _ = process.communicate(timeout=20)
    assert output == b"3 events loaded, 0 were there already\n"


def test_nothing_to_load(newest_database: Database) -> None:
    done = khala("ingest", "-", env=environment(newest_database.runtime_dsn), stdin=b"")
    assert done.stdout == b"0 events loaded, 0 were there already\n"


def test_what_cannot_be_read_or_reached(tmp_path: Path, empty_database: Database) -> None:
    file = write(tmp_path / "events.jsonl", [line("r", 1)])
    missing = khala("ingest", str(tmp_path / "none"), env=environment(NO_DATABASE))
    assert (missing.returncode, b"cannot be read: No such file" in missing.stderr) == (2, True)
    away = khala("ingest", file, env=environment(NO_DATABASE))
    assert (away.returncode, b"cannot be reached" in away.stderr) == (1, True)
    bare = khala("ingest", file, env=environment(empty_database.dsn))
    assert (bare.returncode, b"khala migrate" in bare.stderr) == (2, True)


def test_killed_in_the_middle_and_run_again(newest_database: Database, tmp_path: Path) -> None:
    entities, length = 20, 1500
    chance = random.Random(choose_seed())
    # Each history in order, the histories mixed.
    left = {f"r{number}": iter(range(1, length + 1)) for number in range(entities)}
    order = [entity for entity in left for _ in range(length)]
    chance.shuffle(order)
    file = write(tmp_path / "events.jsonl", [line(entity, next(left[entity])) for entity in order])
    env = environment(newest_database.runtime_dsn)
    for _ in range(3):
        before = count(newest_database)
        process = subprocess.Popen([KHALA, "ingest", file], env=env, stdout=subprocess.DEVNULL)
        step = chance.randrange(1, 8000)
        wait_until(
            lambda before=before, step=step: (  # type: ignore[misc]
                count(newest_database) >= min(before + step, entities * length - 2000)
            ),
            "some of it is loaded",
        )
        process.kill()
        process.wait()
    loaded = count(newest_database)
    assert loaded < entities * length
    done = khala("ingest", file, env=env)
    assert done.returncode == 0, done.stderr
    check_histories(newest_database, entities, length)
    again = khala("ingest", file, env=env)
    assert (
        again.stdout
        == f"0 events loaded, {number(entities * length)} were there already\n".encode()
    )


def test_two_at_once_over_the_same_file(newest_database: Database, tmp_path: Path) -> None:
    file = write(
        tmp_path / "events.jsonl",
        [line(f"r{entity}", seq) for seq in range(1, 301) for entity in range(20)],
    )
    env = environment(newest_database.runtime_dsn)
    both = [
        subprocess.Popen([KHALA, "ingest", file], env=env, stderr=subprocess.PIPE) for _ in range(2)
    ]
    for process in both:
        _, error = process.communicate(timeout=60)
        assert process.returncode == 0, error
    check_histories(newest_database, 20, 300)
    assert len(events(newest_database, "r7")) == 300
