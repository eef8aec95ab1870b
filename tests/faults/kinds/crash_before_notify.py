"""The server dies between a commit and the notification that the commit owes a sleeping relay.

The session that would pass it on is stopped first, so that the relay cannot hear of the commit.
"""

import os
import signal

import psycopg

from faults.world import PATIENCE_S, World, kill_server
from faults.writing import Writer
from support.trials.waiting import until

_AWAKE = """
SELECT count(*) FROM runtime.sync_topic_sequences WHERE topic = ANY(%s) AND NOT armed
"""
_LISTENERS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'khala relay listener'"


async def inject(world: World) -> float:
    await world.paused()
    await world.delivered()
    writer = Writer(-1, world.writing, world.rng)
    async with await psycopg.AsyncConnection.connect(
        world.database.dsn, autocommit=True
    ) as connection:

        async def all_sleep() -> bool:
            found = await connection.execute(_AWAKE, [list(world.witnesses[0].topics)])
            return await found.fetchone() == (0,)

        await until(all_sleep, "the relay sleeps on every topic", PATIENCE_S)
        listeners = await (await connection.execute(_LISTENERS)).fetchall()
        assert listeners, "the relay does not listen"
        for (pid,) in listeners:
            os.kill(pid, signal.SIGSTOP)
        await writer.write_once()
        kill_server(world.server)
    del world.writing.commits[-1]
    await writer.close()
    lifted = await world.start_server()
    # Nobody writes yet: only the relay itself can find what it was not told of.
    await world.delivered()
    world.writing.go.set()
    return lifted
