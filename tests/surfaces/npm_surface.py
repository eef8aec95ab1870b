"""Surface that an npm package makes: the web page, the mobile application."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from surfaces.traces import PLANTED_URL, traces

TYPESCRIPT = Path(__file__).resolve().parents[2] / "typescript"
_CLIENT = TYPESCRIPT / "khala-client"
# What no build reads.
_ASIDE = re.compile(r"node_modules|dist.*|test.*|scripts|\..*cache|\.expo|.*\.md|package.*\.json")
_PLANTED_SCRIPT = f'new WebSocket("{PLANTED_URL.replace("https", "wss")}/api/sync");\n'


@dataclass(frozen=True)
class NpmSurface:
    """A package, the client that is part of it, and what its build made.

    start: opens the built application where only the relay can be reached, and returns each
    destination that was tried beside it.
    """

    name: str
    package: Path
    built: Path
    start: Callable[[Path], list[str]]

    def manifests(self) -> list[str]:
        client = _read(_CLIENT / "package.json")
        # Its tests hold the stand-in of the legacy backend against that backend's own client.
        del client["devDependencies"]
        own = _read(self.package / "package.json")
        return traces("package.json", json.dumps([own, client]))

    def locked(self) -> list[str]:
        client = _read(_CLIENT / "package-lock.json")["packages"]
        del client[""]
        shipped = {name: each for name, each in client.items() if not each.get("dev")}
        own = _read(self.package / "package-lock.json")
        return traces("package-lock.json", json.dumps([own, shipped]))

    def sources(self) -> list[str]:
        """Of the code: the modules and variables that it names; and the build's settings."""
        return [
            found
            for root in (self.package, _CLIENT)
            for file in _files(root, aside=True)
            for found in traces(str(file.relative_to(root)), file.read_text("utf-8", "replace"))
        ]

    def installed(self) -> list[str]:
        return [
            found
            for file in _files(self.built)
            for found in traces(str(file.relative_to(self.built)), file.read_text("latin-1"))
        ]

    def started(self) -> list[str]:
        return self.start(self.built)

    def planted(self, directory: Path) -> "NpmSurface":
        """A copy that needs the legacy backend in every way."""
        package, built = directory / "package", directory / "built"
        shutil.copytree(
            self.package, package, ignore=shutil.ignore_patterns("node_modules", "dist*")
        )
        for name, place in (("package.json", "dependencies"), ("package-lock.json", "packages")):
            content = _read(package / name)
            content[place]["convex"] = {} if place == "packages" else "^1.46.0"
            (package / name).write_text(json.dumps(content))
        (package / ".env").write_text(f"VITE_CONVEX_URL={PLANTED_URL}\n")
        shutil.copytree(self.built, built)
        (built / "planted.js").write_text(_PLANTED_SCRIPT)
        index = built / "index.html"
        script = '<script src="/planted.js"></script></head>'
        index.write_text(index.read_text("utf-8").replace("</head>", script, 1), "utf-8")
        return replace(self, package=package, built=built)


def _read(file: Path) -> dict[str, Any]:
    return dict(json.loads(file.read_text("utf-8")))


def _files(root: Path, *, aside: bool = False) -> Iterator[Path]:
    """The files below; aside: without those that no build reads."""
    for place, folders, names in os.walk(root):
        if aside:
            folders[:] = [each for each in folders if not _ASIDE.fullmatch(each)]
            names = [each for each in names if not _ASIDE.fullmatch(each)]
        yield from (Path(place, name) for name in names)
