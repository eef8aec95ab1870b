"""Sales of a shop in a terminal, live, without Node: `make -C examples/dashboard`."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from examples.orders.start import SHOP, open_shop
from examples.stage import Stage, stage
from khala_pg.client import Change, Endpoint, KhalaClient

ORDERS = "public.orders"
LAST = 5


def picture(orders: Iterable[Mapping[str, Any]], last: Iterable[str], on: Stage) -> Group:
    """What the terminal shows: sales by article and state, and the last changes."""
    number: Counter[tuple[str, str]] = Counter()
    cents: Counter[tuple[str, str]] = Counter()
    for order in orders:
        number[order["article"], order["state"]] += 1
        cents[order["article"], order["state"]] += order["cents"]
    table = Table("article", "state", "orders", "sales", title=f"Sales of {SHOP}")
    for (article, state), count in sorted(number.items()):
        sales = f"{cents[article, state] / 100:.2f} €"
        table.add_row(article, state, str(count), sales)
    hint = f"To change something: KHALA_DEV_FILE={on.home}/dev.json .venv/bin/khala psql"
    return Group(table, *map(Text, last), Text(f"\n{hint}\nCtrl-C ends it.", "dim"))


def said(change: Change) -> str:
    """One line about a change."""
    order = None if change.document is None else change.document.payload
    if order is None:
        return f"order {change.doc_key} is gone"
    return f"order {order['id']}: {order['article']}, {order['state']}"


async def show(on: Stage) -> None:
    """Follow the orders, and draw them after each change."""
    endpoint = Endpoint(on.relay, on.token("dashboard", SHOP, [ORDERS]))
    last: list[str] = []
    async with KhalaClient(endpoint, [ORDERS]) as khala:
        with Live(picture([], last, on), auto_refresh=False) as live:
            async for change in khala.changes():
                last = [*last, said(change)][-LAST:]
                documents = khala.documents(ORDERS).values()
                orders = [each.payload for each in documents if each.payload is not None]
                live.update(picture(orders, last, on), refresh=True)


if __name__ == "__main__":
    with stage() as on:
        open_shop(on)
        asyncio.run(show(on))
