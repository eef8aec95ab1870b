"""Orders in FastAPI: endpoints write them, one signs tokens, and clients of Khala see them live."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI, Header, HTTPException
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, PositiveInt
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from khala_pg import sink, tokens

TOPIC = "shop.orders"
STOCK = 100

# SQLAlchemy takes this form of a URL only.
engine = create_async_engine(
    os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://", 1)
)
sessions = async_sessionmaker(engine, expire_on_commit=False)
key = tokens.load(os.environ["KHALA_KEYRING"])
relay = os.environ["KHALA_WS_URL"]
# What npm install khala-client puts there; in a checkout it is built in the package itself.
client = os.environ.get("KHALA_CLIENT", "node_modules/khala-client/dist")


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    org: Mapped[str]
    item: Mapped[str]
    quantity: Mapped[int]
    state: Mapped[str] = mapped_column(default="new")


class NewOrder(BaseModel):
    item: str
    quantity: PositiveInt


class Written(BaseModel):
    """An order, and the watermark to wait for before it is shown."""

    id: int
    watermark: int | None


@dataclass(frozen=True)
class User:
    org: str
    name: str


def signed_in(x_user: Annotated[str, Header()]) -> User:
    """The user that this header names (`acme/ann`), where your application has a session."""
    org, _, name = x_user.partition("/")
    return User(org, name)


SignedIn = Annotated[User, Depends(signed_in)]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)
app.mount("/khala-client", StaticFiles(directory=client, check_dir=False))


async def show(session: AsyncSession, order: Order) -> Written:
    """Let clients see the order as it is now, once the transaction commits.

    The last statement of a transaction: other writers of the topic wait from here to the commit.
    """
    payload = {"item": order.item, "quantity": order.quantity, "state": order.state}
    sunk = await sink(session, TOPIC, f"order/{order.id}", payload, org_id=order.org)
    return Written(id=order.id, watermark=sunk.watermark)


@app.post("/orders", status_code=201)
async def create_order(new: NewOrder, user: SignedIn) -> Written:
    async with sessions.begin() as session:
        order = Order(org=user.org, item=new.item, quantity=new.quantity)
        session.add(order)
        await session.flush()
        written = await show(session, order)
        ordered = await session.scalar(
            select(func.sum(Order.quantity)).where(Order.item == new.item)
        )
        if ordered is not None and ordered > STOCK:
            # The transaction rolls back, so nobody sees the order.
            raise HTTPException(409, f"{new.item}: {ordered} ordered, {STOCK} in stock")
    return written


@app.post("/orders/{order_id}/pay")
async def pay_order(order_id: int, user: SignedIn) -> Written:
    async with sessions.begin() as session:
        order = await session.scalar(
            select(Order).where(Order.id == order_id, Order.org == user.org).with_for_update()
        )
        if order is None:
            raise HTTPException(404, f"there is no order {order_id}")
        order.state = "paid"
        return await show(session, order)


@app.get("/khala-token")
def khala_token(user: SignedIn) -> dict[str, str]:
    """A token for the orders of the user's organisation. Clients ask anew before it expires."""
    token = tokens.sign(key, org_id=user.org, scopes=[TOPIC], subject=f"{user.org}/{user.name}")
    return {"url": relay, "token": token}


@app.get("/")
def page() -> FileResponse:
    return FileResponse(Path(__file__).with_name("page.html"))
