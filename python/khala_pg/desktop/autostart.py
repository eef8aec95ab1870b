"""Start at login: an entry in the autostart directory of the desktop (XDG Autostart)."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from khala_pg.desktop.settings import ENABLED, URL
from khala_pg.settings import HTTP, WS, find_dev_file

_NAME = "khala-desktop.desktop"
# No credential: the session's environment or `khala dev` has it at the next login as well.
_KEPT = (ENABLED, URL, WS.variable, HTTP.variable, "KHALA_DEV_FILE", "XDG_STATE_HOME")


def entry_file(environment: Mapping[str, str]) -> Path:
    """Path of the entry."""
    config = environment.get("XDG_CONFIG_HOME")
    return (Path(config) if config else Path.home() / ".config") / "autostart" / _NAME


def is_on(environment: Mapping[str, str]) -> bool:
    """Whether the surface starts at login."""
    return entry_file(environment).is_file()


def switch(environment: Mapping[str, str], *, on: bool) -> None:
    """Makes or removes the entry. Raises OSError."""
    path = entry_file(environment)
    if not on:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{_NAME}.{os.getpid()}")
    scratch.write_text(_entry(environment), "utf-8")
    scratch.replace(path)


def _entry(environment: Mapping[str, str]) -> str:
    kept = {name: environment[name] for name in _KEPT if environment.get(name)}
    if URL not in kept and "KHALA_DEV_FILE" not in kept:
        # At login the directory is another one.
        dev_file = find_dev_file(Path.cwd())
        if dev_file is not None:
            kept["KHALA_DEV_FILE"] = str(dev_file)
    # This very installation, which need not be on the session's PATH.
    start = "from khala_pg.cli.main import main; main()"
    program = [sys.executable, "-c", start, "desktop", "--hidden"]
    words = ["env", *(f"{name}={value}" for name, value in kept.items()), *program]
    return (
        "[Desktop Entry]\n"
        "Type=Application\n"
        "Name=Khala\n"
        "Comment=Runs and workers, live\n"
        f"Exec={' '.join(map(_quoted, words))}\n"
        "Terminal=false\n"
    )


def _quoted(word: str) -> str:
    """A word of an Exec key. Its value is a string, in which a backslash is escaped once more."""
    escaped = "".join(f"\\{each}" if each in '"`$\\' else each for each in word)
    return '"' + escaped.replace("\\", "\\\\").replace("%", "%%") + '"'
