"""Process that answers each POST of the legacy backend's protocol after a delay, and does no more.

    python -m bench.support.bare_backend SECONDS

Its first line has the port; each line that it reads it answers with the number of requests so far.
The stand-in of the tests takes more of a core for a request than a publisher does.
"""

import asyncio
import json
import re
import sys

_BODY = b'{"status":"success","value":null,"logLines":[]}'
_RESPONSE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(_BODY)
    + _BODY
)
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Backend(asyncio.Protocol):
    """One connection; a client sends its next request after the response."""

    requests = 0

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not found or length is None or len(body) < int(length[1]):
            return
        self._received = b""
        Backend.requests += 1
        assert self._transport is not None
        asyncio.get_running_loop().call_later(self._delay_s, self._transport.write, _RESPONSE)


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Backend(float(sys.argv[1])), "127.0.0.1", 0)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps({"requests": Backend.requests}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
