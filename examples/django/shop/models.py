from django.db import connection, models

from khala_pg import Sunk, sink

TOPIC = "shop.orders"


class Order(models.Model):
    org = models.TextField()
    item = models.TextField()
    quantity = models.PositiveIntegerField()
    state = models.TextField(default="new")

    def show(self) -> Sunk:
        """Let clients see the order as it is now, once the transaction commits.

        Called in `transaction.atomic()`, last: other writers of the topic wait from here to the
        commit.
        """
        payload = {"item": self.item, "quantity": self.quantity, "state": self.state}
        return sink(connection, TOPIC, f"order/{self.pk}", payload, org_id=self.org)
