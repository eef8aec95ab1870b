"""Surface that a Python distribution has: `khala desktop`, and `khala tail` in a terminal."""

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from surfaces.installation import PACKAGE, ROOT, Installation, Watched, install
from surfaces.traces import PLANTED_URL, traces

_PLANTED = f"""
import os, socket, khala_pg.publish.convex
os.environ.get("CONVEX_URL")
try:
    socket.create_connection((socket.gethostbyname("{PLANTED_URL.partition("//")[2]}"), 443))
except OSError:
    pass
"""


@dataclass(frozen=True)
class Outcome:
    """What a surface did while it started: tried are destinations beside the relay."""

    watched: Watched
    tried: Sequence[str]


@dataclass
class PythonSurface:
    """khala-pg with the extras that the surface needs, installed into a directory.

    start: begins it where only the relay can be reached, until it shows a run. before: Python
    statements that run before it.
    """

    name: str
    extras: Sequence[str]
    directory: Path
    start: Callable[[Installation, str], Outcome]
    before: str = ""
    pyproject: str = field(default_factory=lambda: (ROOT / "pyproject.toml").read_text("utf-8"))

    def manifests(self) -> list[str]:
        project = tomllib.loads(self.pyproject)["project"]
        needed = [
            project["dependencies"],
            *(project["optional-dependencies"][e] for e in self.extras),
        ]
        return traces("pyproject.toml", str(needed))

    def locked(self) -> list[str]:
        """Of what pip has found for the requirements, one level after the other."""
        return traces("distributions", str(self._installation.distributions))

    def sources(self) -> list[str]:
        """Of its own code, as far as it is loaded, and the variables that it looks for."""
        own = [file for file in self._outcome.watched.files if file.is_relative_to(PACKAGE)]
        assert len(own) > 10, own
        return [
            *traces("environment", str(self._outcome.watched.read)),
            *(
                found
                for file in own
                if file.suffix == ".py"
                for found in traces(str(file.relative_to(PACKAGE)), file.read_text("utf-8"))
            ),
        ]

    def installed(self) -> list[str]:
        """Of the modules that it imports, or would if they were there."""
        return traces("imported", str(self._outcome.watched.imported))

    def started(self) -> list[str]:
        return list(self._outcome.tried)

    def planted(self, directory: Path) -> "PythonSurface":
        """One that needs the legacy backend in every way."""
        text = self.pyproject.replace("\ndependencies = [", '\ndependencies = [\n  "convex",', 1)
        extras = [*self.extras, "convex"]
        return replace(self, extras=extras, directory=directory, before=_PLANTED, pyproject=text)

    @cached_property
    def _installation(self) -> Installation:
        return install(self.directory, self.extras)

    @cached_property
    def _outcome(self) -> Outcome:
        return self.start(self._installation, self.before)
