"""Reading the plan and psql scripts without sqitch and psql."""

from pathlib import Path

import pytest

from khala_pg.migration.schema_version import shipped_schema_version
from khala_pg.migration.sqitch_files import MigrationError, expand, read_plan
from khala_pg.resources import db_dir

WHEN = "2026-01-01T00:00:00Z A <a@example.org>"


def plan(directory: Path, *lines: str) -> Path:
    header = ["%syntax-version=1.0.0", "%project=khala", ""]
    (directory / "sqitch.plan").write_text("\n".join([*header, *lines]) + "\n")
    return directory


def test_changes_in_order_with_what_they_need(tmp_path: Path) -> None:
    plan(tmp_path, f"a {WHEN} # First", "", f"b [a] {WHEN}", f"@v1 {WHEN} # tag", f"c [a b] {WHEN}")
    changes = read_plan(tmp_path)
    assert [change.name for change in changes] == ["a", "b", "c"]
    assert [change.requires for change in changes] == [(), ("a",), ("a", "b")]
    assert changes[0].note == "First"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([f"b [a] {WHEN}"], "b needs a"),
        ([f"a {WHEN}", f"a [a@v1] {WHEN}"], "reworks a"),
    ],
)
def test_plans_that_are_refused(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(MigrationError, match=message):
        read_plan(plan(tmp_path, *lines))


def test_includes_are_resolved_and_transactions_left_out(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    (tmp_path / "functions").mkdir()
    (tmp_path / "deploy" / "x.sql").write_text("BEGIN;\n\\ir ../all.sql\nCOMMIT;\n")
    (tmp_path / "all.sql").write_text("SELECT 1;\n\\ir functions/f.sql\nSELECT 3;\n")
    (tmp_path / "functions" / "f.sql").write_text("BEGIN\n  PERFORM 2;\nEND;\n")
    text = expand(tmp_path / "deploy" / "x.sql")
    assert text.split() == ["SELECT", "1;", "BEGIN", "PERFORM", "2;", "END;", "SELECT", "3;"]


@pytest.mark.parametrize("line", ["\\set x 1", "\\i other.sql", "  \\echo hello"])
def test_other_commands_of_psql_are_refused(tmp_path: Path, line: str) -> None:
    script = tmp_path / "x.sql"
    script.write_text(f"SELECT 1;\n{line}\n")
    with pytest.raises(MigrationError, match=r"x\.sql line 2"):
        expand(script)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    script = tmp_path / "x.sql"
    script.write_text("\\ir gone.sql\n")
    with pytest.raises(MigrationError, match=r"gone\.sql is missing"):
        expand(script)


def test_the_shipped_plan_is_whole() -> None:
    for change in read_plan(db_dir()):
        assert change.note
        for text in (change.deploy_sql(), change.revert_sql(), change.verify_sql()):
            assert text.strip()
    assert shipped_schema_version(db_dir()) >= 1
