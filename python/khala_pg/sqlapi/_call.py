"""What every module here needs: the connection's type and the call for one value."""

from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import scalar_row

Connection = AsyncConnection[Any]


async def scalar(connection: Connection, query: str, *values: Any) -> Any:
    """The one value of the one row that a query returns."""
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(query, values)
        return await cursor.fetchone()
