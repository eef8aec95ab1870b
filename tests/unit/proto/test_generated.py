"""What is derived from proto/ is what proto/ says, and the check that says so can fail."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "scripts" / "generate_proto.py"


def check(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), "--check", "--root", str(root)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "proto", tmp_path / "proto")
    shutil.copytree(ROOT / "python/khala_pg/proto_gen", tmp_path / "python/khala_pg/proto_gen")
    return tmp_path


def test_generated_files_are_current() -> None:
    done = check(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_one_character_change_is_noticed(scratch: Path) -> None:
    proto = scratch / "proto/openagents/sync/v1/update.proto"
    proto.write_text(proto.read_text().replace("int64 doc_version = 3", "int64 doc_versiom = 3"))
    done = check(scratch)
    assert done.returncode == 1
    assert "not up to date: proto/descriptors.binpb" in done.stderr
    assert "not up to date: python/khala_pg/proto_gen/openagents/sync/v1/update_pb2.py" in (
        done.stderr
    )


def test_an_edited_generated_file_is_noticed(scratch: Path) -> None:
    module = scratch / "python/khala_pg/proto_gen/openagents/sync/v1/topic_pb2.pyi"
    module.write_text(module.read_text() + "\n")
    done = check(scratch)
    assert done.returncode == 1
    assert "topic_pb2.pyi" in done.stderr


def test_a_lint_fault_is_noticed(scratch: Path) -> None:
    proto = scratch / "proto/openagents/sync/v1/topic.proto"
    proto.write_text(proto.read_text().replace("SYNC_TOPIC_UNSPECIFIED", "SYNC_TOPIC_NONE"))
    done = check(scratch)
    assert done.returncode != 0
    assert "UNSPECIFIED" in done.stdout + done.stderr
