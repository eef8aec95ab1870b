"""TCP ports of a data directory's `khala dev`: the same in every run, as long as they are free.

What follows it (a client's settings, a bookmark, a session of psql) finds it again.
"""

import json
from collections.abc import Callable
from pathlib import Path

from khala_pg.dev.state import DevError
from khala_pg.postgres import free_ports

HOST = "127.0.0.1"
_FILE = "ports.json"


class Ports:
    """The ports of one run. `say` takes a line when one is not that of the last run."""

    def __init__(self, data_dir: Path, say: Callable[[str], None]) -> None:
        self._file = data_dir / _FILE
        self._say = say
        self._kept = _read(self._file)
        self._chosen: dict[str, int] = {}

    def choose(self, option: str, wanted: int | None, preferred: int = 0) -> int:
        """A port for what `option` names.

        wanted: that one, or DevError is raised when it is in use. 0: that of the last run, else any
        that is free. None: as 0, but in the first run `preferred` if it is free.
        """
        if wanted:
            if not self._is_free(wanted):
                raise DevError(
                    f"port {wanted} of {HOST} is in use",
                    hint=f"another khala dev? choose one with {option}; 0 takes any that is free",
                )
            port = wanted
        else:
            first_run = preferred if wanted is None else 0
            port = self._kept.get(option, first_run) or self._any()
            if not self._is_free(port):
                taken, port = port, self._any()
                self._say(f"port {taken} is in use by another program: {option} is {port} now")
        self._chosen[option] = port
        return port

    def keep(self) -> None:
        """Writes the ports down for the next run."""
        self._file.write_text(json.dumps({**self._kept, **self._chosen}, indent=2) + "\n")

    def _any(self) -> int:
        port = free_ports.free_port()
        while port in self._chosen.values():
            port = free_ports.free_port()
        return port

    def _is_free(self, port: int) -> bool:
        return port not in self._chosen.values() and free_ports.is_free(port)


def _read(file: Path) -> dict[str, int]:
    """The ports of the last run; none when the file is not there or was damaged."""
    try:
        found = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: port for name, port in found.items() if isinstance(port, int) and port > 0}
