"""The relay's connections to the database, apart from the one that listens."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from khala_pg import conninfo
from khala_pg.connections import bounded, connect_async, state, utf8_conninfo
from khala_pg.errors import UnavailableError, UsageError, from_psycopg
from khala_pg.migration.schemas import PRESENT, check_complete
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
    """A pool of connections and the epoch they found; calls that outlive a lost connection.

    on_connect is called with the epoch and the largest payload, in bytes, at every connect,
    before the connection is used.
    """

    def __init__(self, settings: RelaySettings, on_connect: Callable[[str, int], None]) -> None:
        self._timeout_s = settings.database_timeout_s
        self._pool_size = settings.pool_size
        self._on_connect = on_connect
        self._away = False
        self._told_of_pooler = False
        self.reached = False
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

    @property
    def is_available(self) -> bool:
        """Whether the last call reached the database."""
        return self.reached and not self._away

    async def open(self) -> None:
        """Starts connecting; does not wait for it."""
        await self._pool.open()

    async def close(self) -> None:
        await self._pool.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lends a connection that has just answered, for a few statements.

        Raises psycopg.OperationalError when there is none, or the database stops answering.
        """
        for _ in range(self._pool_size):
            try:
                async with (
                    self._pool.connection() as connection,
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
        """Runs one function of sqlapi; it may run twice, so it must be safe to repeat.

        Raises UnavailableError when the database cannot be reached in time, another KhalaError
        when it refuses, and psycopg.Error when this program is at fault.
        """
        # After a restart of the server each connection of the pool is dead, which shows in use.
        for _ in range(self._pool_size):
            try:
                connection = await self._pool.getconn()
                try:
                    async with bounded(connection, self._timeout_s):
                        result = await function(connection, *args, **kwargs)
                finally:
                    # No transaction can be open in it: each statement is one.
                    await self._pool.putconn(connection)
            except (PoolTimeout, PoolClosed, TimeoutError) as error:
                raise self._unavailable(str(error)) from None
            except psycopg.Error as error:
                known = from_psycopg(error)
                if not isinstance(known, UnavailableError):
                    if known is None:
                        raise
                    raise known from error
                if not connection.closed:
                    raise self._unavailable(str(known)) from error
                continue
            self._is_back()
            return result
        raise self._unavailable("its connections broke one after the other")

    async def check_schema(self) -> None:
        """Asks the database for its schema's version, past the pool, and for what a relay may call.

        Raises UnavailableError when it is away, another KhalaError when this relay cannot serve it.
        """
        try:
            async with (
                await connect_async(self._conninfo, timeout_s=self._timeout_s) as connection,
                bounded(connection, self._timeout_s),
            ):
                found = await (await connection.execute(PRESENT)).fetchall()
                check_complete(name for (name,) in found)
                _require_known(await sqlapi.schema_version(connection))
                # The pool would try for ever what a login in another role is refused.
                await sqlapi.terms(connection)
        except TimeoutError as error:
            raise self._unavailable(str(error)) from None
        except psycopg.Error as error:
            known = from_psycopg(error)
            if isinstance(known, UnavailableError):
                raise self._unavailable(str(known)) from error
            if known is None:
                raise
            raise known from error

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
                _require_known(await sqlapi.schema_version(connection))
                self._on_connect(*await sqlapi.terms(connection))
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

    def _unavailable(self, reason: str) -> UnavailableError:
        if not self._away:
            self._away = True
            logger.warning("the database is away, trying again until it is back: %s", reason)
        return UnavailableError(f"the database cannot be reached: {reason}")

    def _is_back(self) -> None:
        self.reached = True
        if self._away:
            self._away = False
            logger.info("the database is back")


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


def _require_known(version: int) -> None:
    known = sqlapi.SUPPORTED_SCHEMA_VERSIONS
    if version in known:
        return
    if version >= known.stop:
        raise UsageError(
            f"the database has version {version} of Khala's schema, "
            f"this relay knows it up to {known.stop - 1}",
            "Upgrade khala-pg here to the version that migrated the database.",
        )
    raise UsageError(
        f"the database has version {version} of Khala's schema, this relay needs {known.start}",
        "Run `khala migrate` on it.",
    )
