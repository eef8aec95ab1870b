"""A network in which a program reaches a relay and nothing else, and what it tried beside that.

As a program: `sealed.py RECORD PORT[,PORT…] COMMAND…` runs the command in a network namespace of
its own. These ports of 127.0.0.1 lead to those of this machine. The kernel refuses everything else,
looking up a name included, and the record gets a line of JSON: each destination that was tried.
Root has such a namespace, others where the kernel lets them have a user namespace, and many
containers neither.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from khala_pg.child_process import die_with_parent

_INSIDE = "--inside"
_HOST = "127.0.0.1"
_DISCARD = 9
_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
_FAMILIES = ("ipv4_addr", "ipv6_addr")
# Without a route there is no packet, and so nobody would know where it was to go.
_ROUTES = ("link set lo up", "route add local default dev lo", "-6 route add local default dev lo")
_RULES = """
table inet sealed {{
    set ipv4_addr {{ type ipv4_addr . inet_proto . inet_service; flags dynamic; size 4096; }}
    set ipv6_addr {{ type ipv6_addr . inet_proto . inet_service; flags dynamic; size 4096; }}
    chain out {{
        type filter hook output priority filter;
        ip daddr {host} tcp dport {{ {ports} }} accept
        ip saddr {host} tcp sport {{ {ports} }} accept
        icmp type destination-unreachable accept
        icmpv6 type destination-unreachable accept
        meta l4proto {{ tcp, udp }} add @ipv4_addr {{ ip daddr . meta l4proto . th dport }}
        meta l4proto {{ tcp, udp }} add @ipv6_addr {{ ip6 daddr . meta l4proto . th dport }}
        reject with icmpx type port-unreachable
    }}
}}
"""


def sealed(record: Path, ports: Sequence[int], command: Sequence[str | Path]) -> list[str]:
    """The command line that runs a command there."""
    return [sys.executable, __file__, str(record), _joined(ports), *map(str, command)]


def tried(record: Path) -> list[str]:
    """The destinations that a command tried in vain, when it has ended."""
    return list(json.loads(record.read_text()))


def missing() -> list[str]:
    """What is not installed that such a network needs."""
    programs = {"unshare": "util-linux", "ip": "iproute2", "nft": "nftables"}
    return [
        f"{program} (apt-get install {package})"
        for program, package in programs.items()
        if shutil.which(program, path=_PATH) is None
    ]


@cache
def refused() -> str | None:
    """What the kernel says when it refuses such a network; None if it makes one."""
    if sys.platform != "linux":
        return "only Linux has network namespaces"
    with tempfile.TemporaryDirectory() as scratch:
        command = sealed(Path(scratch) / "tried", [_DISCARD], ["true"])
        probe = subprocess.run(command, capture_output=True, text=True, check=False)
    return probe.stderr.strip() or f"status {probe.returncode}" if probe.returncode else None


def _unshare() -> list[str]:
    """Starts a program in a network namespace.

    Without CAP_SYS_ADMIN, which root may lack too, that takes a user namespace.
    """
    alone = ["unshare", "--net"]
    probe = subprocess.run([*alone, "true"], stderr=subprocess.DEVNULL, check=False)
    return alone if probe.returncode == 0 else [*alone, "--user", "--map-root-user"]


def _joined(ports: Sequence[int]) -> str:
    return ",".join(map(str, ports))


async def _outside(record: Path, ports: Sequence[int], command: Sequence[str]) -> int:
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(*_unshare(), sys.executable, __file__, _INSIDE, str(theirs.fileno())),
                *(_joined(ports), *command),
                pass_fds=[theirs.fileno()],
                preexec_fn=die_with_parent(signal.SIGKILL),
            )
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(
                number, partial(process.send_signal, number)
            )
        # A socket stays in the namespace where it was made.
        _, listeners, _, _ = await asyncio.to_thread(socket.recv_fds, ours, 1, len(ports))
        for listener, port in zip(listeners, ports, strict=False):
            serve = partial(_pass_on, port)
            await asyncio.start_server(serve, sock=socket.socket(fileno=listener))
        status = await process.wait()
        said = b""
        while part := ours.recv(65_536):
            said += part
    record.write_bytes(said)
    return status


async def _pass_on(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        far_reader, far_writer = await asyncio.open_connection(_HOST, port)
    except OSError:
        writer.transport.abort()
        return
    ways = [_copy(reader, far_writer), _copy(far_reader, writer)]
    await asyncio.wait(map(asyncio.ensure_future, ways), return_when=asyncio.FIRST_COMPLETED)
    writer.close()
    far_writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while part := await reader.read(65_536):
            writer.write(part)
            await writer.drain()


def _inside(channel: socket.socket, ports: str, command: Sequence[str]) -> int:
    for words in _ROUTES:
        _run("ip", *words.split())
    _run("nft", "-f", "-", given=_RULES.format(host=_HOST, ports=ports))
    listeners = [socket.create_server((_HOST, int(port))) for port in ports.split(",")]
    socket.send_fds(channel, [b"."], [each.fileno() for each in listeners])
    for each in listeners:
        each.close()
    process = subprocess.Popen(command, preexec_fn=die_with_parent(signal.SIGKILL))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _: process.send_signal(got))
    status = process.wait()
    channel.sendall(json.dumps(sorted(set(_destinations()))).encode())
    return status if status >= 0 else 128 - status


def _destinations() -> list[str]:
    found = []
    for family in _FAMILIES:
        listed = json.loads(_run("nft", "--json", "list", "set", "inet", "sealed", family))
        [content] = [each["set"] for each in listed["nftables"] if "set" in each]
        for element in content.get("elem", []):
            address, protocol, port = _concatenated(element)
            found.append(f"{protocol} {address} port {port}")
    return found


def _concatenated(element: dict[str, Any]) -> list[Any]:
    return list((element["elem"]["val"] if "elem" in element else element)["concat"])


def _run(*command: str, given: str | None = None) -> str:
    done = subprocess.run(
        command,
        input=given,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": _PATH},
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


if __name__ == "__main__":
    if sys.argv[1] == _INSIDE:
        with socket.socket(fileno=int(sys.argv[2])) as opened:
            sys.exit(_inside(opened, sys.argv[3], sys.argv[4:]))
    named = [int(port) for port in sys.argv[2].split(",")]
    sys.exit(asyncio.run(_outside(Path(sys.argv[1]), named, sys.argv[3:])))
