"""Connection strings as people give them."""

import psycopg
from psycopg.conninfo import conninfo_to_dict

from khala_pg.errors import UsageError


def check(text: str) -> str:
    """The connection string as it is. Raises UsageError when libpq could not read it."""
    try:
        conninfo_to_dict(text)
    except psycopg.ProgrammingError as error:
        raise UsageError(
            f"not a connection string: {str(error).strip()}",
            "Write postgresql://user@host/database, or host=… dbname=… user=….",
        ) from None
    return text
