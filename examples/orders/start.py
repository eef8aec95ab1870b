"""A shop whose tables are live in the browser: `make -C examples/orders`.

Customers see their own orders, staff see all of them. Nothing in the backend below is about live
updates, but the token: it says what a browser may see.
"""

import psycopg
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from examples.stage import ROOT, Stage, serve, stage

SHOP = "lumen"
STAFF = "staff"
ARTICLES = {"lamp": 4900, "bulb": 300, "candle": 700}


def backend(on: Stage) -> list[Route]:
    """The shop's own API."""

    def who(request: Request) -> str:
        # Where yours has a session with a name in it.
        name = request.query_params.get("as", "")
        if name != STAFF and not name.isdecimal():
            raise HTTPException(401)
        return name

    def token(request: Request) -> PlainTextResponse:
        name = who(request)
        seen = ["public.orders", "public.customers"]
        if name != STAFF:
            # Document keys are customer_id/id: no other customer's byte is sent.
            seen = [f"public.orders/{name}/"]
        return PlainTextResponse(on.token(name, SHOP, seen))

    def relay(request: Request) -> PlainTextResponse:
        return PlainTextResponse(on.relay)

    def order(request: Request) -> JSONResponse:
        article = request.query_params.get("article", "")
        if article not in ARTICLES:
            raise HTTPException(400)
        with on.connect() as database:
            database.execute(
                "INSERT INTO public.orders (customer_id, article, cents) VALUES (%s, %s, %s)",
                (who(request), article, ARTICLES[article]),
            )
        return JSONResponse({})

    def ship(request: Request) -> JSONResponse:
        if who(request) != STAFF:
            raise HTTPException(403)
        with on.connect() as database:
            database.execute(
                "UPDATE public.orders SET state = 'shipped' WHERE id = %s",
                (request.path_params["order"],),
            )
        return JSONResponse({})

    return [
        Route("/api/relay", relay),
        Route("/api/token", token),
        Route("/api/orders", order, methods=["POST"]),
        Route("/api/orders/{order:int}/ship", ship, methods=["POST"]),
    ]


def open_shop(on: Stage) -> None:
    """Make the shop's tables, and attach them: all that Khala needs of them."""
    with psycopg.connect(on.database, autocommit=True) as database:
        database.execute((ROOT / "examples/shop.sql").read_bytes())
    on.khala("attach", "public.orders", "--key", "customer_id,id", "--org", "shop")
    on.khala("attach", "public.customers", "--key", "id", "--org", "shop")


if __name__ == "__main__":
    with stage() as on:
        open_shop(on)
        serve(on, "orders", backend(on))
