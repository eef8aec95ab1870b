"""Installation of khala-pg with some of its extras, as pip leaves it, that says what it imports.

Made of the distributions that the tests' own environment has: those that the requirements lead to,
file by file, and no others.
"""

import json
import venv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python" / "khala_pg"
_KHALA = "khala-pg"
_REPORT = "watched.json"
# Imported as the interpreter starts. It knows what was imported in vain, and what was looked for in
# the environment, too.
_WATCH = """
import atexit, json, os, sys
imported, read = set(), set()
sys.addaudithook(lambda event, about: imported.add(about[0]) if event == "import" else None)
get = os._Environ.__getitem__
def watched(self, name):
    read.add(name)
    return get(self, name)
os._Environ.__getitem__ = watched
@atexit.register
def write():
    files = [file for each in [*sys.modules.values()] if (file := getattr(each, "__file__", None))]
    with open(__file__.replace("_khala_watch.py", {report!r}), "w") as report:
        json.dump({{"imported": sorted(imported), "read": sorted(read), "files": files}}, report)
"""


@dataclass(frozen=True)
class Watched:
    """What a program imported, tried to import and looked for in the environment."""

    imported: Sequence[str]
    read: Sequence[str]
    files: Sequence[Path]


@dataclass(frozen=True)
class Installation:
    """A virtual environment with nothing but these distributions."""

    python: Path
    distributions: Sequence[str]
    _site: Path

    def runs(self, program: str, *words: str) -> list[str]:
        """Command line of a Python program there."""
        return [str(self.python), "-c", program, *words]

    def watched(self) -> Watched:
        """What the program that ended last did."""
        report = json.loads((self._site / _REPORT).read_text())
        files = [Path(each).resolve() for each in report["files"]]
        return Watched(report["imported"], report["read"], files)


def install(directory: Path, extras: Iterable[str]) -> Installation:
    """Installs khala-pg with these extras into a new virtual environment."""
    venv.create(directory, with_pip=False, symlinks=True)
    [site] = directory.glob("lib/python*/site-packages")
    needed = requirements(extras)
    for each in needed.values():
        for file in each.files or ():
            # Programs and start-up code stay behind, and files of Khala's are the checkout's.
            if ".." not in file.parts and file.suffix != ".pth" and file.parts[0] != PACKAGE.name:
                _link(Path(str(each.locate_file(""))), site, Path(file))
    (site / PACKAGE.name).symlink_to(PACKAGE)
    (site / "_khala_watch.py").write_text(_WATCH.format(report=_REPORT))
    (site / "_khala_watch.pth").write_text("import _khala_watch\n")
    return Installation(directory / "bin" / "python", sorted(needed), site)


def _link(source: Path, site: Path, file: Path) -> None:
    """Links a file; with its whole package, if that belongs to one distribution."""
    if (source / file.parts[0] / "__init__.py").exists():
        file = Path(file.parts[0])
    if not (site / file).exists():
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).symlink_to(source / file)


def requirements(extras: Iterable[str]) -> dict[str, Distribution]:
    """All that khala-pg with these extras requires, itself included, by name."""
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [(_KHALA, extra) for extra in ("", *extras)]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        found[name] = distribution(name)
        for line in found[name].requires or ():
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                one = canonicalize_name(needed.name)
                waiting += [(one, each) for each in ("", *needed.extras)]
    return found
