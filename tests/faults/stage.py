"""Where runs take place: servers that survive their faults serve many runs, each in a database of
its own."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from faults.kinds import Kind
from khala_pg.postgres.server import PostgresServer
from support.postgres.databases import Database, Template, cloned, make_template
from support.postgres.servers import OLDEST, SETTINGS, VERSIONS, find_oldest_bin

_SMALL_VOLUME = "320m"
_SERVER = {
    **SETTINGS,
    "max_connections": "60",  # so that they can be exhausted
    "max_wal_size": "64MB",
    "min_wal_size": "32MB",
}
_FAKETIME = ("/usr/lib/*/faketime/libfaketime.so.1", "/usr/local/lib/faketime/libfaketime.so.1")


class NotPossibleError(Exception):
    """A kind of fault needs something that is not there; the message says what."""


@dataclass(frozen=True)
class Place:
    """A server, its template, and a directory on the server's volume."""

    template: Template
    volume: Path


class Stage:
    """Starts servers when they are first needed and removes all of them at the end."""

    def __init__(self) -> None:
        self._root = Path(tempfile.mkdtemp(prefix="khala-faults-"))
        self._root.chmod(0o755)
        self._places: dict[tuple[str, bool], Place] = {}
        self._mounts: list[Path] = []
        self._homes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for place in self._places.values():
            place.template.server.stop("immediate")
        for mount in self._mounts:
            subprocess.run(["umount", mount], check=True)
        shutil.rmtree(self._root)

    @contextmanager
    def database(self, kind: Kind, version: str) -> Iterator[tuple[Database, Path]]:
        """A migrated database on a server of that version, and a directory on its volume.

        After an exception the server is not used again. Raises NotPossibleError.
        """
        key = (version, kind.small_volume)
        if key not in self._places:
            self._places[key] = self._make_place(*key)
        place = self._places[key]
        directory = Path(tempfile.mkdtemp(prefix="run-", dir=place.volume))
        try:
            with cloned(place.template) as database:
                yield database, directory
        except BaseException:
            place.template.server.stop("immediate")
            del self._places[key]
            raise
        finally:
            shutil.rmtree(directory)

    def _make_place(self, version: str, is_small: bool) -> Place:
        self._homes += 1
        volume = self._root / f"{version}-{self._homes}"
        volume.mkdir(mode=0o755)
        if is_small:
            self._mount(volume)
        server = PostgresServer(
            volume / "server",
            pg_bin=find_oldest_bin() if version == OLDEST else None,
            settings=_SERVER,
        )
        server.start()
        return Place(make_template(server), volume)

    def _mount(self, directory: Path) -> None:
        if os.geteuid() != 0:
            raise NotPossibleError("only root can mount the small volume that is to be filled")
        options = f"size={_SMALL_VOLUME},mode=755"
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "khala-faults", directory],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise NotPossibleError(f"no small volume can be mounted here: {done.stderr.strip()}")
        self._mounts.append(directory)


def versions() -> tuple[str, ...]:
    """The versions of PostgreSQL that are here."""
    return tuple(v for v in VERSIONS if v != OLDEST or find_oldest_bin() is not None)


def fake_clock_environment(clock: Path) -> dict[str, str]:
    """The variables with which a process's wall clock, and no other, is shifted by what the file
    says. Raises NotPossibleError."""
    found = [file for place in _FAKETIME for file in Path("/").glob(place[1:])]
    if not found:
        raise NotPossibleError("libfaketime is not installed (apt-get install faketime)")
    return {
        "LD_PRELOAD": str(found[0]),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
