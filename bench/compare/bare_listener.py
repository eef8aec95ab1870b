"""The least that can bring a commit to a client: LISTEN, and one send to every socket.

    python -m bench.compare.bare_listener DSN CHANNEL BYTES [--loop asyncio|uvloop]

Prints on which port it listens, as JSON, once it LISTENs on the channel. Each notification is sent
on as it came, filled up to BYTES, with no question to the database. Ends with its standard input.
"""

import argparse
import asyncio
import json
import sys

import psycopg
import uvloop
from psycopg import sql
from websockets.asyncio.server import ServerConnection, broadcast, serve


async def main(dsn: str, channel: str, size: int) -> None:
    async def hold(connection: ServerConnection) -> None:
        await connection.wait_closed()

    loop = asyncio.get_running_loop()
    ended = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(ended), sys.stdin)
    async with (
        await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection,
        serve(hold, "127.0.0.1", 0, compression=None, ping_interval=None) as server,
    ):
        await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))

        async def send_on() -> None:
            async for notification in connection.notifies():
                broadcast(server.connections, notification.payload.ljust(size))

        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(send_on())
            print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
            await ended.read()
            sending.cancel()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dsn")
    parser.add_argument("channel")
    parser.add_argument("bytes", type=int)
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="uvloop")
    options = parser.parse_args()
    factory = uvloop.new_event_loop if options.loop == "uvloop" else None
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main(options.dsn, options.channel, options.bytes))
