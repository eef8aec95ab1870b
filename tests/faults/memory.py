"""How much the relay's processes have grown."""

from pathlib import Path

from faults.world import children
from support.relay.relay_process import RelayProcess


class Memory:
    """Watches a relay, with its workers, from when it is ready.

    growth_bytes: the most that any process exceeded, at its peak, what the largest one that did the
    same work had at first. A process that was killed counts as it was at the last look.
    """

    def __init__(self, relay: RelayProcess) -> None:
        self._relay = relay
        self._first: dict[bool, int] = {}
        for pid, is_worker in self._processes():
            rss = _read(pid, "VmRSS") or 0
            self._first[is_worker] = max(rss, self._first.get(is_worker, 0))
        self.growth_bytes = 0

    def look(self) -> None:
        for pid, is_worker in self._processes():
            peak = _read(pid, "VmHWM")
            if peak is not None:
                self.growth_bytes = max(self.growth_bytes, peak - self._first[is_worker])

    def _processes(self) -> list[tuple[int, bool]]:
        relay = self._relay.process.pid
        try:
            return [(relay, False), *((worker, True) for worker in children(relay))]
        except FileNotFoundError:  # it has just been killed
            return []


def _read(pid: int, name: str) -> int | None:
    """A size from the kernel's account of a process; None when it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    for line in status.splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return None
