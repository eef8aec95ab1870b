"""The cluster of a PostgresServer on disk: made once, found again, reachable for its account."""

import hashlib
import os
import secrets
import select
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

from khala_pg.postgres.installation import Account, Installation, PostgresServerError

SUPERUSER = "postgres"

_OUTSIDE = Path("/var/lib/khala-pg")
_ORIGIN = ".home"
_PREVIOUS_SERVER_S = 30.0


def prepare(home: Path, installation: Installation, account: Account) -> Path:
    """The data directory of the server in `home`, made with initdb when there is none yet.

    When `account` cannot reach `home` (say, inside /root), the cluster is made under
    /var/lib/khala-pg and `home/cluster` is a link to it.

    Raises PostgresServerError when it cannot be made, or was made by another major version.
    """
    home.mkdir(parents=True, exist_ok=True)
    link = home / "cluster"
    if link.is_symlink() and not link.exists():
        raise PostgresServerError(
            f"{link} points to {link.readlink()}, which is gone",
            hint=f"remove {home} to start with an empty database",
        )
    if not link.exists():
        place = link if _reachable(home, account) else _outside(home)
        _make(place, home, installation, account)
        if place != link:
            link.symlink_to(place)
    cluster = link.resolve()
    made_by = int((cluster / "PG_VERSION").read_text().strip().split(".")[0])
    if made_by != installation.major:
        raise PostgresServerError(
            f"{cluster} was made by PostgreSQL {made_by}, and this is {installation.version}",
            hint="choose the other version with --pg-bin, or another data directory",
        )
    return cluster


def read_password(home: Path) -> str:
    """The superuser's password. Raises PostgresServerError when the cluster was not made."""
    try:
        return (home / "password").read_text().strip()
    except FileNotFoundError as missing:
        raise PostgresServerError(
            f"{home} has no password file", hint=f"remove {home} to start with an empty database"
        ) from missing


def await_previous_server(cluster: Path) -> None:
    """Waits for the end of a server that still runs on `cluster`: its parent may just have ended.

    Also removes a postmaster.pid whose process id has meanwhile become some other program's:
    PostgreSQL would take that program for its server and refuse to start.

    Raises PostgresServerError when the server goes on running.
    """
    pid = _locked_by(cluster)
    if pid is None or not hasattr(os, "pidfd_open"):
        return
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if not _serves(pid, cluster):
            (cluster / "postmaster.pid").unlink(missing_ok=True)
            return
        ended, _, _ = select.select([process], [], [], _PREVIOUS_SERVER_S)
    finally:
        os.close(process)
    if not ended:
        raise PostgresServerError(
            f"a PostgreSQL server (process {pid}) already runs on {cluster}",
            hint="stop the khala that started it, or choose another data directory",
        )


def _locked_by(cluster: Path) -> int | None:
    """The process id in the cluster's postmaster.pid, or None."""
    try:
        return int((cluster / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def _serves(pid: int, cluster: Path) -> bool:
    """Whether the process is a server of this cluster: that is where it works."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == cluster
    except (FileNotFoundError, PermissionError):
        return False  # ended, or somebody else's


def short_socket_directory(cluster: Path, account: Account) -> Path:
    """A directory for the Unix socket of a cluster whose own path is too long for a socket."""
    digest = hashlib.sha256(os.fsencode(cluster)).hexdigest()[:16]
    directory = Path(tempfile.gettempdir()) / f"khala-pg-{digest}"
    directory.mkdir(mode=0o700, exist_ok=True)
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in (os.geteuid(), account.uid):
        raise PostgresServerError(f"{directory} belongs to another account")
    _hand_over(directory, account)
    return directory


def _make(place: Path, home: Path, installation: Installation, account: Account) -> None:
    password = secrets.token_urlsafe(24)
    secret = home / "password"
    secret.unlink(missing_ok=True)
    with open(secret, "x", opener=private) as file:
        file.write(password + "\n")
    # An initdb that is interrupted leaves its half-made directory under this other name.
    staging = place.with_name(place.name + ".new")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(mode=0o700)
    _hand_over(staging, account)
    with tempfile.NamedTemporaryFile("w", prefix="khala-pg-") as pwfile:
        pwfile.write(password + "\n")
        pwfile.flush()
        _hand_over(Path(pwfile.name), account)
        said = subprocess.run(
            [
                installation.program("initdb"),
                f"--pgdata={staging}",
                f"--username={SUPERUSER}",
                f"--pwfile={pwfile.name}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--no-instructions",
            ],
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            **account.popen_arguments(),  # type: ignore[call-overload]
        )
    if said.returncode != 0:
        raise PostgresServerError(f"initdb failed in {staging}:\n{said.stdout}{said.stderr}")
    staging.rename(place)


def private(path: str, flags: int) -> int:
    """An opener of files that only their owner may read."""
    return os.open(path, flags, 0o600)


def _hand_over(path: Path, account: Account) -> None:
    if not account.is_ours:
        os.chown(path, account.uid, account.gid)


def _reachable(directory: Path, account: Account) -> bool:
    """Whether `account` may pass through the directory and all above it."""
    if account.is_ours:
        return True
    for place in (directory.resolve(), *directory.resolve().parents):
        status = place.stat()
        if status.st_uid == account.uid:
            allowed = stat.S_IXUSR
        elif status.st_gid == account.gid:
            allowed = stat.S_IXGRP
        else:
            allowed = stat.S_IXOTH
        if not status.st_mode & allowed:
            return False
    return True


def _outside(home: Path) -> Path:
    """A place for the cluster of `home` where any account can reach it.

    What lies there already belonged to a `home` that has been removed since (its link is gone),
    so the cluster goes the same way.
    """
    _OUTSIDE.mkdir(mode=0o755, parents=True, exist_ok=True)
    _remove_leftovers()
    place = _OUTSIDE / hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:24]
    if place.exists():
        await_previous_server(place)
        shutil.rmtree(place)
    place.with_suffix(_ORIGIN).write_text(str(home.resolve()))
    return place


def _remove_leftovers() -> None:
    """Removes clusters whose home was a temporary directory that is gone."""
    temporary = Path(tempfile.gettempdir()).resolve()
    for origin in _OUTSIDE.glob(f"*{_ORIGIN}"):
        place = origin.with_suffix("")
        pid = _locked_by(place)
        home = Path(origin.read_text())
        if home.exists() or not home.is_relative_to(temporary):
            continue
        if pid is None or not _serves(pid, place):
            shutil.rmtree(place, ignore_errors=True)
            origin.unlink(missing_ok=True)
