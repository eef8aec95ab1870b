"""`khala detach`: end `khala attach`."""

from typing import Annotated

import typer
from rich.console import Console

from khala_pg.cli.options import Database, LockTimeout
from khala_pg.cli.text import counted
from khala_pg.cli.topics.topic_names import complete
from khala_pg.errors import UsageError
from khala_pg.settings import DATABASE, resolve
from khala_pg.sqlapi import attachments
from khala_pg.sqlapi.roles import DBA, connected


def command(
    name: Annotated[
        str,
        typer.Argument(
            help="The table or its topic: `khala attachments`.", autocompletion=complete
        ),
    ],
    lock_timeout: LockTimeout = 5,
    database: Database = None,
) -> None:
    """End `khala attach`: the table has no trigger of Khala any more; its documents stay.

    `khala topics remove` removes the documents with their topic.

    Example:

        khala detach public.orders
    """
    with connected(resolve(DATABASE, database), DBA) as connection:
        found = attachments.attached(connection, name)
        if found is None:
            raise UsageError(
                f"no table or topic {name} is attached", "`khala attachments` lists those that are."
            )
        topic = found.topic
        changes = attachments.detach(connection, topic, name, lock_timeout_s=lock_timeout)
    Console(highlight=False, soft_wrap=True).print(
        f"topic {topic} is detached"
        + (f", after {counted(changes, 'staged change')}" if changes else "")
        + f"; its documents stay until `khala topics remove {topic}`",
        markup=False,
    )
