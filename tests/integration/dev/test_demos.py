"""The demonstrations of the README, as their commands run them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.postgres.servers import Servers
from support.programs.sessions import of_session

ROOT = Path(__file__).resolve().parents[3]
DEMOS = {
    "demo.py": "changes came over the WebSocket, each exactly once and in order",
    "demo_lightning.py": "the payment was seen live, and its invoice is settled",
}


@pytest.mark.slow
@pytest.mark.parametrize("script", DEMOS)
def test_demo(script: str, servers: Servers) -> None:
    scratch = servers.new_home("demo")
    # Somebody else's settings, which a demonstration does without.
    environment = {
        **os.environ,
        "TMPDIR": str(scratch),
        "OA_LIGHTNING_OPS_API_BASE_URL": "http://127.0.0.1:1",
        "OA_LIGHTNING_OPS_CONTROL_PLANE_MODE": "none",
    }
    with subprocess.Popen(
        [sys.executable, ROOT / "scripts" / script],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as demo:
        said, _ = demo.communicate(timeout=280)
    assert demo.returncode == 0, said
    assert DEMOS[script] in said
    assert "Traceback" not in said
    assert list(scratch.glob("khala-demo-*")) == []
    assert not of_session(demo.pid), "everything that it started has ended"
