from typing import Any

from django.db import connection
from django.test import TestCase


def shown() -> dict[str, Any]:
    """What clients will see, once the transaction of the test would commit."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT doc_key, payload ->> 'state' FROM runtime.sync_shop_orders")
        return dict(cursor.fetchall())


class OrderTests(TestCase):
    def post(self, path: str, body: object = None) -> Any:
        return self.client.post(
            path, body, content_type="application/json", headers={"X-User": "acme/ann"}
        )

    def test_an_order_is_made_and_paid(self) -> None:
        order = self.post("/orders", {"item": "lamp", "quantity": 100}).json()["id"]
        self.assertEqual(shown(), {f"order/{order}": "new"})
        self.assertEqual(self.post(f"/orders/{order}/pay").status_code, 200)
        self.assertEqual(shown(), {f"order/{order}": "paid"})

    def test_more_than_there_is(self) -> None:
        self.assertEqual(self.post("/orders", {"item": "lamp", "quantity": 101}).status_code, 409)
        self.assertEqual(shown(), {})
