"""Servers to compare the relay with: sockets of the same kind, and no database behind them.

    python -m bench.compare.bare_servers websockets|prepared|picows [--pages FILE]
        [--responses FILE] [--loop asyncio|uvloop]

Prints on which port it listens, and on which `http` port if it has responses: FILE is a JSON object
of what uvicorn answers to GET requests, by their targets. A line `{"do": "send", "text": …,
"frames": N}` sends that text so often to every socket, each time to all before the next:
`websockets` by `websockets.broadcast`, `picows` by the transport of the library of that name,
`prepared` as one frame that is built once, written to the transports of `websockets`; it answers
when that is done. A client of `websockets` that sends `resume` gets the messages of FILE, a JSON
list, with `send`.
"""

import argparse
import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.frames import Frame, Opcode

# As the relay's own.
_BACKLOG = 1024

Send = Callable[[str, int], Awaitable[None]]


def listening() -> socket.socket:
    """A listening socket on a free port, as `serve(handle, host, port)` makes it.

    It names its protocol: asyncio turns Nagle's algorithm off only for such sockets. With it, a
    burst was gathered into fewer packets, which halved what a frame of it takes, and updates that
    come alone were late.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.bind(("127.0.0.1", 0))
    sock.listen(_BACKLOG)
    return sock


async def obey(sock: socket.socket, send: Send, **ports: int) -> None:
    """Prints the ports; then obeys lines of standard input until it ends."""
    reader = asyncio.StreamReader(limit=1 << 24)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print(json.dumps({"port": sock.getsockname()[1], **ports}), flush=True)
    while line := await reader.readline():
        request: dict[str, Any] = json.loads(line)
        await send(request["text"], request["frames"])
        print(json.dumps({"sent": request["frames"]}), flush=True)


@asynccontextmanager
async def answering(responses: dict[str, bytes]) -> AsyncIterator[int]:
    """uvicorn beside the sockets, in the same loop; its port."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        query = scope["query_string"].decode()
        body = responses[scope["path"] + (f"?{query}" if query else "")]
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    sock = listening()
    # As the relay has it.
    config = uvicorn.Config(app, lifespan="off", http="h11", ws="none", log_config=None)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve([sock]))
    yield sock.getsockname()[1]
    server.should_exit = True
    await serving


async def by_websockets(
    sock: socket.socket, pages: list[str], responses: dict[str, bytes], *, prepared: bool
) -> None:
    """A bare server: no ping, no compression, no work for a message but `resume`."""

    async def handle(connection: ServerConnection) -> None:
        async for message in connection:
            if message == "resume":
                for page in pages:
                    await connection.send(page)

    async with serve(
        handle,
        sock=sock,
        backlog=_BACKLOG,
        compression=None,
        ping_interval=None,
        max_size=None,
    ) as server:

        async def send(text: str, frames: int) -> None:
            wire = Frame(Opcode.TEXT, text.encode()).serialize(mask=False)
            for _ in range(frames):
                if prepared:
                    for connection in server.connections:
                        connection.transport.write(wire)
                else:
                    broadcast(server.connections, text)
                await asyncio.sleep(0)

        if responses:
            async with answering(responses) as port:
                await obey(sock, send, http=port)
        else:
            await obey(sock, send)


async def by_picows(sock: socket.socket) -> None:
    """The same by picows."""
    import picows

    transports: set[picows.WSTransport] = set()

    class Listener(picows.WSListener):
        def on_ws_connected(self, transport: picows.WSTransport) -> None:
            transports.add(transport)

        def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
            transports.discard(transport)

    async def send(text: str, frames: int) -> None:
        data = text.encode()
        for _ in range(frames):
            for transport in transports:
                transport.send(picows.WSMsgType.TEXT, data)
            await asyncio.sleep(0)

    server = await picows.ws_create_server(lambda request: Listener(), sock=sock)
    async with server:
        await obey(sock, send)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=("websockets", "prepared", "picows"))
    parser.add_argument("--pages", type=Path)
    parser.add_argument("--responses", type=Path)
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    options = parser.parse_args()
    pages = [] if options.pages is None else json.loads(options.pages.read_text(encoding="utf-8"))
    texts = {} if options.responses is None else json.loads(options.responses.read_text("utf-8"))
    responses = {target: text.encode() for target, text in texts.items()}
    sock = listening()
    if options.kind == "picows":
        work = by_picows(sock)
    else:
        work = by_websockets(sock, pages, responses, prepared=options.kind == "prepared")
    factory = None
    if options.loop == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(work)


if __name__ == "__main__":
    main()
