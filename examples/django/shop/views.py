import json

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.http import HttpRequest, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET, require_POST

from khala_pg import tokens
from shop.models import TOPIC, Order

STOCK = 100

key = tokens.load(settings.KHALA_KEYRING)


class OutOfStockError(Exception):
    pass


def signed_in(request: HttpRequest) -> tuple[str, str]:
    """Organisation and name of the user that X-User names (`acme/ann`); yours is request.user."""
    org, _, name = request.headers["X-User"].partition("/")
    return org, name


@require_POST
def create_order(request: HttpRequest) -> JsonResponse:
    org, _ = signed_in(request)
    new = json.loads(request.body)
    try:
        with transaction.atomic():
            order = Order.objects.create(org=org, item=new["item"], quantity=new["quantity"])
            sunk = order.show()
            ordered = Order.objects.filter(item=order.item).aggregate(sum=Sum("quantity"))["sum"]
            if ordered > STOCK:
                # The transaction rolls back, so nobody sees the order.
                raise OutOfStockError(f"{order.item}: {ordered} ordered, {STOCK} in stock")
    except OutOfStockError as error:
        return JsonResponse({"detail": str(error)}, status=409)
    return JsonResponse({"id": order.pk, "watermark": sunk.watermark}, status=201)


@require_POST
def pay_order(request: HttpRequest, order_id: int) -> JsonResponse:
    org, _ = signed_in(request)
    with transaction.atomic():
        order = get_object_or_404(Order.objects.select_for_update(), pk=order_id, org=org)
        order.state = "paid"
        order.save()
        sunk = order.show()
    return JsonResponse({"id": order.pk, "watermark": sunk.watermark})


@require_GET
def khala_token(request: HttpRequest) -> JsonResponse:
    """A token for the orders of the user's organisation. Clients ask anew before it expires."""
    org, name = signed_in(request)
    token = tokens.sign(key, org_id=org, scopes=[TOPIC], subject=f"{org}/{name}")
    return JsonResponse({"token": token})
