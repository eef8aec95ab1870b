"""A network of this process's own, in which the kernel loses packets.

Real loss, with what TCP makes of it; the proxies only imitate that. In a network namespace, so that
nothing else on the machine is touched.
"""

import ctypes
import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Awaitable, Sequence

_CLONE_NEWNET = 0x40000000
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1
_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
_TABLE = "inet khala_faults"

_missing: str | None = "this process shares the machine's network"


def isolate() -> None:
    """Moves this thread, and whatever it starts from now on, to a network of its own, if it can.

    To be called before there are other threads. `missing` says why it could not.
    """
    global _missing
    if sys.platform != "linux" or os.geteuid() != 0:
        _missing = "only root on Linux can have a network of its own"
        return
    if shutil.which("nft", path=_PATH) is None:
        _missing = "nft is not installed (apt-get install nftables)"
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) != 0:
        _missing = f"no network namespace can be had: {os.strerror(ctypes.get_errno())}"
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        up = struct.pack("16sh22x", b"lo", _IFF_UP)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, up)
    done = _nft("add table", _TABLE)
    _missing = None if done.returncode == 0 else f"nft cannot be used: {done.stderr.strip()}"


def missing() -> str | None:
    """Why packets cannot be lost here; None when they can."""
    return _missing


def lose(ports: Sequence[int], percent: int) -> None:
    """Loses so many of a hundred packets from and to these ports, in either direction."""
    assert _missing is None, _missing
    those = ", ".join(map(str, ports))
    # nft takes a comparison that always holds for a mistake.
    chance = "" if percent == 100 else f"numgen random mod 100 < {percent}"
    _run(
        f"add table {_TABLE}; flush table {_TABLE};"
        f"add chain {_TABLE} lossy {{ type filter hook input priority filter; }};"
        f"add rule {_TABLE} lossy tcp dport {{ {those} }} {chance} counter drop;"
        f"add rule {_TABLE} lossy tcp sport {{ {those} }} {chance} counter drop;"
    )


def lose_nothing() -> int:
    """Every packet arrives from now on; how many were lost."""
    content = json.loads(_run("list table", _TABLE, as_json=True))
    _run("delete table", _TABLE)
    return sum(
        expression["counter"]["packets"]
        for each in content["nftables"]
        for expression in each.get("rule", {}).get("expr", [])
        if "counter" in expression
    )


async def lose_during(fault: Awaitable[None], ports: Sequence[int], percent: int) -> float:
    """Loses packets until the fault is over; when that was, by the monotonic clock."""
    lose(ports, percent)
    try:
        await fault
    finally:
        lifted = time.monotonic()
        lost = lose_nothing()
    assert lost > 0, "no packet was lost"
    return lifted


def _run(*command: str, as_json: bool = False) -> str:
    done = _nft(*command, as_json=as_json)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _nft(*command: str, as_json: bool = False) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["nft", *(["--json"] if as_json else []), " ".join(command)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": _PATH},
    )
