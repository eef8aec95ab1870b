"""Messages of the chat: one document each."""

import time
from typing import Any, TypedDict

import psycopg

from khala_pg import sink

MESSAGES = "chat.messages"


class Message(TypedDict):
    """What a browser shows. run_id: the run that answers it, or that it is the answer of."""

    author: str
    text: str
    run_id: str


def post(database: psycopg.Connection[Any], team: str, message: Message) -> None:
    """Write a message. Keys are in the order of time."""
    sink(database, MESSAGES, f"message/{time.time_ns()}", message, org_id=team)
