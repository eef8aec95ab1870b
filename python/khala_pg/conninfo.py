"""Connection strings as people give them."""

import re

import psycopg
from psycopg.conninfo import conninfo_to_dict

from khala_pg.errors import UsageError

PRIMARY = (
    "Connect to the primary: name all servers and add target_session_attrs=read-write to the "
    "connection string."
)
"""The next step for who has connected to a standby."""


def check(text: str) -> str:
    """The connection string as it is. Raises UsageError when libpq could not read it."""
    try:
        conninfo_to_dict(text)
    except psycopg.ProgrammingError as error:
        # What libpq quotes is part of the string, most often of its password; not a lone sign.
        reason = re.sub(r'("\W")|".*', lambda quoted: quoted[1] or "…", str(error), flags=re.DOTALL)
        raise UsageError(
            f"not a connection string: {reason.strip()}",
            "Write postgresql://user@host/database, without a driver's name such as +psycopg, or "
            "host=… dbname=… user=…. In the first form, special characters of a password are "
            "percent-encoded.",
        ) from None
    return text
