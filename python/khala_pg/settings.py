"""Settings that commands share: from an option, the environment, or a running `khala dev`.

A newcomer who has `khala dev` running in a directory needs no options in it or below it.
"""

import contextlib
import json
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from khala_pg import conninfo
from khala_pg.errors import UsageError

DEV_FILE = Path(".khala") / "dev.json"
_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Setting:
    """One setting: its option, variable and key in dev.json.

    option: None if the command has none.
    """

    what: str
    option: str | None
    variable: str
    dev_key: str
    is_database: bool = False

    @property
    def hint(self) -> str:
        """The next step of a user who gave no value."""
        option = f"Pass {self.option}, set" if self.option else "Set"
        return f"{option} {self.variable}, or run `khala dev` in this directory."


DATABASE = Setting("the database", "--database", "KHALA_DATABASE_URL", "database", True)
RELAY_DATABASE = Setting(
    "the relay's database", "--database", "KHALA_DATABASE_URL", "relay_database", True
)
WS = Setting("the relay's WebSocket address", "--ws", "KHALA_WS_URL", "ws")
HTTP = Setting("the relay's HTTP address", "--http", "KHALA_HTTP_URL", "http")
TOKEN = Setting("a token", "--token", "KHALA_TOKEN", "token")
KEYRING = Setting("the keyring file", "--keyring", "KHALA_KEYRING", "keyring")


NAME_ORGANISATION = "Pass --org or set KHALA_ORG; only the database of `khala dev` has a default."


def organisation(
    option: str | None,
    database_option: str | None,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> str | None:
    """The organisation that owns what a command writes: `option`, else KHALA_ORG, else, in the
    database of `khala dev`, that of `khala dev`; None when none of them names one.

    Raises UsageError when its name is not UTF-8, or empty in the option: a script whose variable is
    not set means no other organisation.
    """
    if option == "":
        raise UsageError("the organisation is empty", NAME_ORGANISATION)
    env = os.environ if environment is None else environment
    named = option or env.get("KHALA_ORG")
    if named:
        return check_utf8(named, "the organisation", NAME_ORGANISATION)
    if database_option or env.get(DATABASE.variable):
        return None
    value = dev_state(env, directory).get("organisation")
    return value if isinstance(value, str) else None


def check_utf8(value: str, what: str, hint: str) -> str:
    """The value as it is. Raises UsageError when its bytes were not UTF-8 on the command line."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{what} is {value!a}, which is not UTF-8", hint) from None
    return value


def relay_metrics(
    options: Sequence[str] | None,
    database_option: str | None,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> list[str]:
    """The URLs of relays' metrics: `options`, else that of `khala dev`, if it has one.

    The last holds only if the database is that of `khala dev` too.
    """
    env = os.environ if environment is None else environment
    if options or database_option or env.get(DATABASE.variable):
        return list(options or ())
    value = dev_state(env, directory).get("metrics")
    return [value] if isinstance(value, str) else []


def find_dev_file(start: Path) -> Path | None:
    """The dev.json of the `khala dev` that runs in `start` or the nearest directory above it."""
    for directory in (start, *start.parents):
        candidate = directory / DEV_FILE
        if candidate.is_file():
            return candidate
    return None


def dev_state(
    environment: Mapping[str, str] | None = None, directory: Path | None = None
) -> dict[str, Any]:
    """The content of the dev.json that holds here; empty when there is none.

    Raises UsageError when it cannot be read, or its `khala dev` was killed.
    """
    named = (os.environ if environment is None else environment).get("KHALA_DEV_FILE")
    path = Path(named) if named else find_dev_file(directory or Path.cwd())
    if path is None:
        return {}
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}", "Start `khala dev` again.") from error
    if not isinstance(state, dict):
        raise UsageError(f"{path} does not hold a JSON object", "Start `khala dev` again.")
    pid = state.get("pid")
    if isinstance(pid, int) and not _is_alive(pid):
        raise UsageError(
            f"khala dev (process {pid}) is not running; it was killed and left {path} behind",
            f"Start it again: {_start_command(path)}",
        )
    return state


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's process
    return True


def _start_command(path: Path) -> str:
    if path.parent.name == DEV_FILE.parent.name:
        return f"`khala dev` in {path.parent.parent}"
    return f"khala dev --data-dir {shlex.quote(str(path.parent))}"


def require_content(name: str, value: str) -> None:
    """Raises UsageError for an empty option, as `--database "$DATABASE_URL"` has in a terminal
    where the variable is not set: libpq, or a setting, would lead to another database."""
    if not value.strip():
        raise UsageError(f"{name} is empty", "Is its variable set in this terminal?")


def resolve(
    setting: Setting,
    option: str | None,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> str:
    """The value of `setting`: `option`, else the environment's, else the one in dev.json.

    Raises UsageError: naming the three ways, when none of them says it; when it is to be a
    connection string and is none; when it would be in a dev.json whose `khala dev` is gone; and
    when the option is empty.
    """
    if option is not None:
        require_content(setting.option or setting.what, option)
    env = os.environ if environment is None else environment
    value = option or env.get(setting.variable)
    if not value:
        value = dev_state(env, directory).get(setting.dev_key)
    if isinstance(value, str) and value:
        return conninfo.check(value) if setting.is_database else value
    raise UsageError(
        f"no option or setting says where {setting.what} is"
        if setting is not TOKEN
        else "no option or setting gives a token",
        setting.hint,
    )


class Following(Generic[_Found]):
    """Settings that are looked up at every use, because a `khala dev` that starts again may be
    elsewhere. While it is down the last ones hold."""

    def __init__(self, find: Callable[[], _Found]) -> None:
        """Looks them up for the first time. Raises what `find` raises."""
        self._find = find
        self._last = find()

    def __call__(self) -> _Found:
        with contextlib.suppress(UsageError):
            self._last = self._find()
        return self._last
