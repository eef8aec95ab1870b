"""What is derived from proto/ is what proto/ says, and the checks that say so can fail.

Each test that expects a failure breaks a copy of proto/ on purpose, in the way it is named after.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "scripts" / "generate_proto.py"
PROTO = Path("proto/openagents/sync/v1")
COPIED = ("proto", "python/khala_pg/proto_gen", "typescript/khala-client/src/gen")


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_proto", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


needs_node = pytest.mark.skipif(
    _script().typescript_plugin() is None and not os.environ.get("CI"),
    reason="no Node, or no packages in typescript/khala-client (npm ci)",
)


def check(root: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    return subprocess.run(
        [sys.executable, str(SCRIPT), "--check", "--root", str(root)],
        capture_output=True,
        text=True,
        check=False,
        env=environment | variables,
    )


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    for name in COPIED:
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


def change(root: Path, file: str, old: str, new: str) -> None:
    proto = root / PROTO / file
    text = proto.read_text()
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
    proto.write_text(text.replace(old, new))


def test_what_is_committed_is_current() -> None:
    done = check(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_script_that_ci_names_runs_the_check() -> None:
    done = subprocess.run(
        [str(ROOT / "scripts" / "verify-proto-generate.sh")],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHON": sys.executable},
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs_node
def test_a_change_of_one_character_in_a_comment_is_noticed(scratch: Path) -> None:
    change(scratch, "update.proto", "Pointer: the payload", "Pointers the payload")
    done = check(scratch)
    # Neither the descriptors nor what is generated for Python hold comments.
    assert done.returncode == 1
    assert "not up to date: typescript/khala-client/src/gen" in done.stderr
    assert "update_pb.ts" in done.stderr


def test_a_new_field_is_compatible_but_has_to_be_generated(scratch: Path) -> None:
    change(
        scratch,
        "update.proto",
        "  bytes payload_json = 9;",
        "  bytes payload_json = 9;\n  // A new field.\n  bool archived = 10;",
    )
    done = check(scratch)
    assert done.returncode == 1
    assert done.stderr.count("not up to date") >= 3
    for name in (
        "proto/descriptors.binpb",
        "python/khala_pg/proto_gen/openagents/sync/v1/update_pb2.py",
        "python/khala_pg/proto_gen/openagents/sync/v1/update_pb2.pyi",
    ):
        assert f"not up to date: {name}\n" in done.stderr


@needs_node
def test_typescript_is_generated_and_compared(scratch: Path) -> None:
    change(
        scratch,
        "topic.proto",
        "  uint64 watermark = 2;",
        "  uint64 watermark = 2;\n  // N.\n  bool n = 3;",
    )
    done = check(scratch)
    assert done.returncode == 1
    assert "typescript/khala-client/src/gen/openagents/sync/v1/topic_pb.ts" in done.stderr


@pytest.mark.parametrize(
    "name",
    [
        "python/khala_pg/proto_gen/openagents/sync/v1/topic_pb2.pyi",
        "python/khala_pg/proto_gen/openagents/sync/v1/error_pb2.py",
        pytest.param(
            "typescript/khala-client/src/gen/openagents/sync/v1/update_pb.ts", marks=needs_node
        ),
    ],
)
def test_one_character_more_in_a_generated_file_is_noticed(scratch: Path, name: str) -> None:
    file = scratch / name
    file.write_text(file.read_text() + "\n")
    done = check(scratch)
    assert done.returncode == 1
    assert f"not up to date: {name}\n" in done.stderr


def test_a_file_left_over_is_noticed(scratch: Path) -> None:
    gone = "python/khala_pg/proto_gen/openagents/sync/v1/gone_pb2.py"
    (scratch / gone).write_text("")
    done = check(scratch)
    assert done.returncode == 1
    assert f"not up to date: {gone}\n" in done.stderr


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("topic.proto", "SYNC_TOPIC_UNSPECIFIED", "SYNC_TOPIC_NONE", "UNSPECIFIED"),
        ("update.proto", "bool replay_complete", "bool replayComplete", "lower_snake_case"),
        (
            "update.proto",
            "  // Tombstone: the document is deleted or no longer visible. It has no payload.\n",
            "",
            "comment",
        ),
    ],
)
def test_what_lint_asks_for_is_asked_for(
    scratch: Path, file: str, old: str, new: str, said: str
) -> None:
    change(scratch, file, old, new)
    done = check(scratch)
    assert done.returncode != 0
    assert said in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (
            "update.proto",
            "int64 doc_version = 3",
            "int64 doc_versiom = 3",
            "changed name from",
        ),
        ("update.proto", "uint64 watermark = 4", "uint64 watermark = 14", "was deleted"),
        ("update.proto", "bytes payload_hash = 5", "string payload_hash = 5", "changed type from"),
        ("update.proto", "  bool deleted = 7;", "  optional bool deleted = 7;", "cardinality"),
        (
            "error.proto",
            '  SYNC_ERROR_CODE_RATE_LIMITED = 6 [(wire_name) = "rate_limited"];',
            "  reserved 6;",
            "was deleted",
        ),
        (
            "topic.proto",
            "SYNC_TOPIC_RUNTIME_NOTIFICATIONS = 3",
            "SYNC_TOPIC_RUNTIME_NOTICES = 3",
            "changed name from",
        ),
    ],
)
def test_what_breaks_clients_of_the_last_release_is_refused(
    scratch: Path, file: str, old: str, new: str, said: str
) -> None:
    change(scratch, file, old, new)
    done = check(scratch)
    assert done.returncode not in (0, 1), "1 is a file that is not up to date"
    assert said in done.stdout + done.stderr
    assert "not up to date" not in done.stderr


def test_a_release_moves_what_is_held_against(scratch: Path) -> None:
    change(scratch, "update.proto", "  bool replay_complete = 2;", "  bool complete = 2;")
    assert "changed name from" in check(scratch).stdout
    for arguments in (["--release"], []):
        subprocess.run(
            [sys.executable, str(SCRIPT), "--root", str(scratch), *arguments], check=True
        )
    assert check(scratch).returncode == 0


def test_without_node_typescript_is_skipped_loudly_and_in_ci_is_a_failure(tmp_path: Path) -> None:
    # Another copy of the script has no packages beside it.
    (tmp_path / "scripts").mkdir()
    script = shutil.copy(SCRIPT, tmp_path / "scripts")

    def run(**variables: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if name != "CI"}
        return subprocess.run(
            [sys.executable, script, "--check", "--root", str(ROOT)],
            capture_output=True,
            text=True,
            check=False,
            env=environment | variables,
        )

    assert "SKIPPED: TypeScript" in run().stderr
    assert run().returncode == 0
    assert run(CI="true").returncode == 2
