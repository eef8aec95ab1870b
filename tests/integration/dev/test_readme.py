"""The examples of README.md, run against a live `khala dev`."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
import pytest

from support.postgres.servers import Servers
from support.programs.dev_process import PATIENCE_S, Dev, khala, running
from support.programs.missing import CLIENT, bundle, require_node

ROOT = Path(__file__).resolve().parents[3]
README = (ROOT / "README.md").read_text("utf-8")
WS = "ws://127.0.0.1:4000/socket/websocket"


def example(language: str) -> str:
    """The README's only block in this language."""
    (block,) = re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    return str(block)


def at_this_relay(text: str, dev: Dev) -> str:
    """The example with the address of this `khala dev`, which has another port."""
    assert text.count(WS) == 1
    return text.replace(WS, dev.ready["ws"])


def token(dev: Dev) -> str:
    """What the README exports as KHALA_TOKEN."""
    (command,) = re.findall(r"KHALA_TOKEN=\$\(khala ([^)]*)\)", README)
    made = subprocess.run(
        [*khala(), *command.split()],
        env={**os.environ, "KHALA_DEV_FILE": str(dev.data_dir / "dev.json")},
        capture_output=True,
        text=True,
        check=True,
    )
    return made.stdout.strip()


def until_said(command: Sequence[str | Path], expected: str, dev: Dev) -> None:
    """Runs an example, which never ends by itself, until it has printed what is expected."""
    environment = {**os.environ, "KHALA_TOKEN": token(dev), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        ["timeout", str(PATIENCE_S), *command], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            said = []
            for line in process.stdout:
                said.append(line)
                if re.search(expected, line):
                    return
            pytest.fail(f"the example ended, having printed {said}")
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def dev(servers: Servers) -> Iterator[Dev]:
    """A `khala dev` whose database the README's SQL has been said to."""
    with running(servers.new_home("readme") / "data") as found:
        with psycopg.connect(found.ready["database"], autocommit=True) as connection:
            cursor = connection.execute(example("sql").encode())
            outcomes = []
            while True:
                if cursor.description is not None:
                    outcomes.append(cursor.fetchall())
                if not cursor.nextset():
                    break
        assert outcomes == [[("shop.orders",)], [(1, "applied")], [(2, "applied")]]
        yield found


def test_python(dev: Dev, tmp_path: Path) -> None:
    program = tmp_path / "example.py"
    program.write_text(at_this_relay(example("python"), dev))
    until_said([sys.executable, program], "order/1.*paid", dev)


def test_typescript(dev: Dev, tmp_path: Path) -> None:
    node = require_node()
    program = tmp_path / "example.ts"
    program.write_text(at_this_relay(example("ts"), dev))
    made = tmp_path / "example.mjs"
    alias = f"--alias:khala-client={CLIENT / 'src/index.ts'}"
    bundle(program, made, alias, "--platform=node")
    # Node 20 has a WebSocket only if asked; from Node 22 on the option changes nothing.
    until_said([node, "--experimental-websocket", made], "^order/1 paid$", dev)
