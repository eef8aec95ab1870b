"""The packages as they are published: the wheel of khala-pg, the tarball of khala-client.

Each is built once in a run of the tests, whichever of its workers is the first to want it.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support.programs.missing import skip_without

CHECKOUT = Path(__file__).resolve().parents[3]
CLIENT = CHECKOUT / "typescript" / "khala-client"
PAGE = "<title>Khala, built</title>"
"""The admin page in the wheel."""
# Node may stand beside Python, and must not hide another one.
PATH = f"{os.environ.get('PATH', os.defpath)}{os.pathsep}{Path(sys.executable).parent}"


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Runs a program outside the checkout's own environment and returns what it printed."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "KHALA", "VIRTUAL_ENV"))
    }
    said = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stdout + said.stderr
    return said.stdout


def wheel(factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the sdist of a checkout whose page is built."""
    return _once(factory, "wheel", "*.whl", _build_wheel)


def tarball(factory: pytest.TempPathFactory) -> Path:
    """What `npm pack` makes of khala-client. Skips without Node and the packages; CI has them."""
    if shutil.which("npm", path=PATH) is None or not (CLIENT / "node_modules/.bin/tsc").exists():
        skip_without("needs Node and the packages of khala-client (scripts/typescript.sh packages)")
    return _once(factory, "tarball", "*.tgz", _pack_client)


def copied(checkout: Path) -> Path:
    """What the wheel is built from, without a page."""
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("python", "db", "scripts", "pyproject.toml", "README.md", "LICENSE"):
        source, target = CHECKOUT / name, checkout / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=ignore)
        else:
            shutil.copy(source, target)
    # Hatchling leaves out what this names: the built page, unless the hook adds it.
    shutil.copy(CHECKOUT / ".gitignore", checkout)
    return checkout


def _once(
    factory: pytest.TempPathFactory, name: str, pattern: str, build: Callable[[Path], None]
) -> Path:
    # Each worker has a folder of its own in that of the run.
    own = factory.getbasetemp()
    place = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / f"built-{name}"
    place.mkdir(exist_ok=True)
    with (place / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not list(place.glob(pattern)):
            build(place)
    [found] = place.glob(pattern)
    return found


def _build_wheel(place: Path) -> None:
    checkout = copied(place / "checkout")
    built = checkout / "typescript" / "web" / "dist"
    (built / "assets").mkdir(parents=True)
    (built / "index.html").write_text(PAGE)
    (built / "assets" / "index-1.js").write_text("export {}")
    made = place / "made"
    run(sys.executable, "-m", "build", "--outdir", made, checkout, cwd=place)
    [wheel] = made.glob("*.whl")
    # Only a whole one is found.
    wheel.rename(place / wheel.name)


def _pack_client(place: Path) -> None:
    made = place / "made"
    made.mkdir()
    run("node", CLIENT / "scripts" / "pack.mjs", made, cwd=place, PATH=PATH)
    [packed] = made.glob("*.tgz")
    packed.rename(place / packed.name)
