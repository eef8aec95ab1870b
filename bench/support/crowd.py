"""Many WebSocket clients in one process, which do as little as clients can.

    python -m bench.support.crowd

Reads lines of JSON and answers each with one. The clients only look for a marker in what comes,
whatever the frames are; that is cheap enough that a server on the other core is what is measured.

`open`: clients that each go through steps, all at once but for `most` that are under way; `groups`
has [steps, number of clients, events] of those that do the same. A step is a text to send (the
first one an HTTP request, the others messages) and a text to wait for. A fourth member of a group,
{"host", "port", "steps"}, has HTTP requests that each client makes before, on another connection.
It is noted when a client has counted as many markers as its group has events. Answers when all are
through their steps.
`count`: forgets what was counted. `await`: answers when all clients together have counted so many
markers, with the moment by the monotonic clock, the bytes, and the noted moments; fails when that
takes more than `seconds`, if that is given. `close`: closes all.
"""

import argparse
import json
import os
import select
import socket
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

MARKER = b'"doc_key":'
REFUSED = b'"status":"error"'
_READ_BYTES = 256 * 1024

Step = tuple[bytes, bytes]
# A connection: where to, and what is said on it.
Leg = tuple[tuple[str, int], list[Step]]


def message(text: str) -> bytes:
    """A text message of a client, masked with zeros, which leave it as it is."""
    data = text.encode()
    if len(data) < 126:
        head = bytes((0x81, 0x80 | len(data)))
    else:
        head = bytes((0x81, 0x80 | 126)) + len(data).to_bytes(2, "big")
    return head + bytes(4) + data


class Client:
    """One socket: first through its steps, then counting."""

    __slots__ = ("counted_at", "left", "legs", "seen", "sock", "source", "steps", "unread")

    def __init__(self, source: str, legs: Sequence[Leg], events: int) -> None:
        self.source = source
        self.legs = deque(legs)
        self.seen = b""
        self.counted_at = 0.0
        self.left = events
        self.connect()

    def connect(self) -> None:
        """Begins the next leg on a connection of its own."""
        address, steps = self.legs.popleft()
        self.sock = socket.socket(socket.AF_INET)
        self.sock.bind((self.source, 0))
        self.sock.connect(address)
        self.sock.setblocking(False)
        self.steps = deque(steps)
        self.unread = b""
        self.sock.sendall(self.steps[0][0])

    def step(self, data: bytes) -> bytes | None:
        """Takes data while there are steps; what is left of it once there are none, else None."""
        self.unread += data
        while self.steps:
            _, wanted = self.steps[0]
            place = self.unread.find(wanted)
            if place < 0:
                if REFUSED in self.unread or b"HTTP/1.1 4" in self.unread[:20]:
                    raise RuntimeError(f"a client was refused: {self.unread[:500]!r}")
                return None
            self.unread = self.unread[place + len(wanted) :]
            self.steps.popleft()
            if self.steps:
                self.sock.sendall(self.steps[0][0])
        rest, self.unread = self.unread, b""
        return rest


class Crowd:
    """All clients, and the one loop that reads for them."""

    def __init__(self) -> None:
        self.clients: dict[int, Client] = {}
        self.counted = 0
        self.bytes = 0
        self._poll = select.epoll()
        self._poll.register(0, select.EPOLLIN)
        self._commands = b""
        self._buffer = bytearray(_READ_BYTES)
        self._under_way = 0
        self._to_open: deque[tuple[str, list[Leg], int]] = deque()
        self._most = 0
        self._target: int | None = None
        self._deadline: float | None = None

    def run(self) -> None:
        """Until standard input ends."""
        print(json.dumps({"ready": True}), flush=True)
        while True:
            for fd, _ in self._poll.poll(self._patience_s()):
                if fd != 0:
                    self._read(self.clients[fd])
                elif not self._listen():
                    return

    def _patience_s(self) -> float | None:
        if self._target is None or self._deadline is None:
            return None
        left_s = self._deadline - time.monotonic()
        if left_s <= 0:
            raise RuntimeError(f"{self.counted} of {self._target} markers have come in time")
        return left_s

    def _listen(self) -> bool:
        data = os.read(0, 1 << 20)
        *lines, self._commands = (self._commands + data).split(b"\n")
        for line in lines:
            self._obey(json.loads(line))
        return bool(data)

    def _obey(self, request: dict[str, Any]) -> None:
        match request["do"]:
            case "open":
                self._open(request)
            case "count":
                self.counted = self.bytes = 0
                self._answer()
            case "await":
                self._target, seconds = request["markers"], request.get("seconds")
                self._deadline = None if seconds is None else time.monotonic() + seconds
                self._check()
            case "close":
                for client in self.clients.values():
                    client.sock.close()
                self.clients.clear()
                self._answer()

    def _open(self, request: dict[str, Any]) -> None:
        address = (request["host"], request["port"])
        source = request.get("source", "127.0.0.1")
        for texts, clients, events, *before in request["groups"]:
            (head, answer), *others = [(send, wanted.encode()) for send, wanted in texts]
            steps = [(head.encode(), answer), *((message(text), want) for text, want in others)]
            legs = [
                *(
                    (
                        (leg["host"], leg["port"]),
                        [(send.encode(), wanted.encode()) for send, wanted in leg["steps"]],
                    )
                    for leg in before
                ),
                (address, steps),
            ]
            self._to_open += [(source, legs, events)] * clients
        self._most = request.get("most", 64)
        self._fill()

    def _fill(self) -> None:
        while self._to_open and self._under_way < self._most:
            self._watch(Client(*self._to_open.popleft()))
            self._under_way += 1

    def _watch(self, client: Client) -> None:
        self.clients[client.sock.fileno()] = client
        self._poll.register(client.sock, select.EPOLLIN)

    def _read(self, client: Client) -> None:
        size = client.sock.recv_into(self._buffer)
        if not size:
            raise RuntimeError("a server closed a client's socket")
        if client.steps:
            rest = client.step(bytes(self._buffer[:size]))
            if rest is None:
                return
            if client.legs:
                del self.clients[client.sock.fileno()]
                client.sock.close()
                client.connect()
                self._watch(client)
                return
            self._under_way -= 1
            self._fill()
            self._count(client, bytearray(rest), len(rest))
            if not self._under_way and self._target is None:
                self._answer()
            return
        self._count(client, self._buffer, size)

    def _count(self, client: Client, data: bytearray, size: int) -> None:
        seam = client.seen + data[: min(size, len(MARKER) - 1)]
        found = data.count(MARKER, 0, size) + seam.count(MARKER)
        client.seen = (client.seen + data[max(0, size - len(MARKER) + 1) : size])[
            -len(MARKER) + 1 :
        ]
        self.bytes += size
        if found:
            self.counted += found
            client.left -= found
            if client.left <= 0 and not client.counted_at:
                client.counted_at = time.monotonic()
            if self._target is not None:
                self._check()

    def _check(self) -> None:
        if self._target is not None and self.counted >= self._target:
            self._target = None
            moments = [client.counted_at for client in self.clients.values()]
            self._answer(moments=sorted(filter(None, moments)))

    def _answer(self, **more: Any) -> None:
        answer = {
            "at": time.monotonic(),
            "clients": len(self.clients),
            "markers": self.counted,
            "bytes": self.bytes,
        }
        print(json.dumps({**answer, **more}), flush=True)


def main() -> None:
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    Crowd().run()


if __name__ == "__main__":
    main()
