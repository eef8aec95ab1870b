"""The relay's connections to the database, apart from the one that listens."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from khala_pg import conninfo
from khala_pg.connections import bounded, connect_async, state, utf8_conninfo
from khala_pg.errors import (
    BadValueError,
    InTheWayError,
    KhalaError,
    ReadOnlyError,
    UnavailableError,
    UsageError,
    from_psycopg,
)
from khala_pg.relay.database.proof import Terms, begin, prove
from khala_pg.relay.process.memory import KEPT_BYTES
from khala_pg.relay.settings import RelaySettings
from khala_pg.sqlapi import relay_connection as sqlapi
from khala_pg.sqlapi.calls import Connection

logger = logging.getLogger("khala.relay.database")

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

# In database_timeout_s.
_LENT = 2.0


class Database:
    """A pool of connections; calls that outlive a lost connection.

    on_terms is called with the terms at every connect, before the connection is used, and at every
    proof. on_doubt is called with the error when a call fails in a way that may last.
    """

    def __init__(
        self,
        settings: RelaySettings,
        on_terms: Callable[[Terms], None],
        on_doubt: Callable[[KhalaError], None] = lambda error: None,
    ) -> None:
        self._timeout_s = settings.database_timeout_s
        self._pool_size = settings.pool_size
        self._on_terms = on_terms
        self._on_doubt = on_doubt
        self._told_of_pooler = False
        # The pool's checks and locks take longer than sending a question: 90 µs of an update's way.
        # So the next call has the connection of the one before.
        self._kept: Connection | None = None
        self._waiting = 0
        self._conninfo = conninfo_for(settings.database, settings)
        self._pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
            self._conninfo,
            kwargs={"autocommit": True},
            min_size=1,
            max_size=settings.pool_size,
            timeout=settings.database_timeout_s,
            # The pool's delays grow without a bound: give up soon, the next call tries again.
            reconnect_timeout=settings.database_timeout_s,
            configure=self._configure,
            name="khala-relay",
            open=False,
        )

    async def open(self) -> None:
        """Starts connecting; does not wait for it."""
        await self._pool.open()

    async def close(self) -> None:
        await self._give_back()
        await self._pool.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lends a connection that has just responded, for a few statements.

        Raises psycopg.OperationalError when there is none, or the database stops answering.
        """
        for _ in range(self._pool_size):
            try:
                async with (
                    self._lent() as connection,
                    bounded(connection, self._timeout_s * _LENT),
                ):
                    try:
                        await self._pool.check_connection(connection)
                    except psycopg.OperationalError:
                        continue
                    yield connection
                    return
            except TimeoutError as error:
                raise psycopg.OperationalError(str(error)) from None
        raise psycopg.OperationalError("the database broke one connection after the other")

    async def call(
        self,
        function: Callable[Concatenate[Connection, Arguments], Awaitable[Result]],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result:
        """Runs a function, as those of sqlapi; it may run twice, so it must be safe to repeat.

        Raises UnavailableError when the database cannot be reached in time or does not let this
        relay work, another KhalaError when it refuses this call, and psycopg.Error when this
        program is at fault.
        """
        try:
            return await self._run(function, *args, **kwargs)
        except InTheWayError:
            raise
        except UnavailableError as error:
            self._on_doubt(error)
            raise
        except BadValueError:
            raise
        except UsageError as error:
            # A role that was taken away, a schema that is gone: no fault of the caller.
            self._on_doubt(error)
            raise UnavailableError(str(error), error.hint) from error

    async def prove(self, *, anew: bool) -> None:
        """Proves that a page can be replayed. anew: first through a new connection, past the pool.

        Raises KhalaError with the reason when it cannot.
        """
        if anew:
            # The pool would only say that it has no connection.
            await self._prove_past_the_pool()
        await self._give_back()
        self._on_terms(await self._run(prove))

    async def _run(
        self,
        function: Callable[Concatenate[Connection, Arguments], Awaitable[Result]],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result:
        # After a restart of the server each connection of the pool is dead, which shows in use.
        for _ in range(self._pool_size):
            try:
                async with self._lent() as connection, bounded(connection, self._timeout_s):
                    try:
                        return await function(connection, *args, **kwargs)
                    except (ReadOnlyError, psycopg.errors.ReadOnlySqlTransaction):
                        # A role's setting is a session's for as long as that lasts.
                        await connection.close()
                        raise
            except (PoolTimeout, PoolClosed, TimeoutError) as error:
                raise _unreachable(str(error)) from None
            except psycopg.errors.ReadOnlySqlTransaction as error:
                raise _known(error) from error
            except psycopg.Error as error:
                known = _known(error)
                if not (isinstance(known, UnavailableError) and connection.closed):
                    raise known from error
        raise _unreachable("its connections broke one after the other")

    @asynccontextmanager
    async def _lent(self) -> AsyncIterator[Connection]:
        connection, self._kept = self._kept, None
        if connection is None:
            self._waiting += 1
            try:
                connection = await self._pool.getconn()
            finally:
                self._waiting -= 1
        try:
            yield connection
        finally:
            # No transaction can be open in it: each call is one statement, or ends its own.
            idle = connection.pgconn.transaction_status == TransactionStatus.IDLE
            if idle and self._kept is None and not (self._waiting or self._pool.closed):
                self._kept = connection
            else:
                await self._pool.putconn(connection)

    async def _give_back(self) -> None:
        """Leaves the connection that is kept to the pool, which replaces the old ones."""
        connection, self._kept = self._kept, None
        if connection is not None:
            await self._pool.putconn(connection)

    async def _prove_past_the_pool(self) -> None:
        try:
            async with (
                await connect_async(self._conninfo, timeout_s=self._timeout_s) as connection,
                bounded(connection, self._timeout_s),
            ):
                await prove(connection)
        except TimeoutError as error:
            raise _unreachable(str(error)) from None
        except psycopg.Error as error:
            raise _known(error) from error

    async def _configure(self, connection: Connection) -> None:
        # Few tasks make the pool's connections, one at a time makes it grow: none may hang.
        try:
            async with bounded(connection, self._timeout_s):
                await state(connection)
                if await sqlapi.is_pooled(connection):
                    # What a session keeps may be another's: a name of a prepared statement then
                    # stands for another relay's statement.
                    connection.prepare_threshold = None
                    self._tell_of_pooler()
                else:
                    await sqlapi.set_parameters(connection, max(1, round(self._timeout_s * 1000)))
                    await sqlapi.keep_memory(connection, KEPT_BYTES)
                self._on_terms(await begin(connection))
        except BaseException:
            await connection.close()
            raise

    def _tell_of_pooler(self) -> None:
        if not self._told_of_pooler:
            self._told_of_pooler = True
            logger.warning(
                "a pooler stands between this relay and the database: every statement is planned "
                "at each call, and synchronous_commit and statement_timeout are the role's own"
            )


def conninfo_for(database: str, settings: RelaySettings) -> str:
    """The connection string with what a relay needs added to it: time limits, which notice a server
    that is gone without a word. No `options`: poolers refuse them.

    Raises UsageError when it is no connection string.
    """
    given = conninfo_to_dict(conninfo.check(database))
    timeout_ms = max(1, round(settings.database_timeout_s * 1000))
    defaults: dict[str, Any] = {
        "application_name": "khala relay",
        "connect_timeout": max(2, round(settings.database_timeout_s)),
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 2 * timeout_ms,
    }
    return utf8_conninfo(database, **{**defaults, **given})


def _unreachable(reason: str) -> UnavailableError:
    return UnavailableError(f"the database cannot be reached: {reason}")


def _known(error: psycopg.Error) -> KhalaError:
    """The error as one of ours; raises it as it is when this program is at fault."""
    known = from_psycopg(error)
    if known is None:
        raise error
    return known
