"""What tests need of the machine, and do without elsewhere, but never in CI."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

CLIENT = Path(__file__).resolve().parents[3] / "typescript/khala-client"
# Node may stand beside Python.
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"


def skip_without(what: str) -> NoReturn:
    """Skips the test, which needs what is missing. In CI it fails: there is everything."""
    assert not os.environ.get("CI"), f"CI has what is needed: {what}"
    pytest.skip(what)


def require_node(package: str = "esbuild") -> str:
    """Node, where it and this package of khala-client are there; skips elsewhere."""
    node = shutil.which("node", path=PATH)
    if node is None or not (CLIENT / "node_modules" / package).exists():
        skip_without("needs Node and the packages of khala-client (scripts/typescript.sh packages)")
    return node


def bundle(program: Path, made: Path, *options: str) -> None:
    """Makes one file that JavaScript engines run of a program and what it imports."""
    require_node()
    esbuild = CLIENT / "node_modules/.bin/esbuild"
    fixed = ["--bundle", "--format=esm", "--log-level=warning", f"--outfile={made}"]
    environment = {**os.environ, "PATH": PATH}
    subprocess.run([esbuild, program, *fixed, *options], env=environment, check=True)
