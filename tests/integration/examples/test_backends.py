"""examples/fastapi and examples/django as servers: what they write is seen live by those who may
see it, and what they roll back by nobody."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from psycopg.conninfo import conninfo_to_dict

from khala_pg.auth import keyring as keys
from khala_pg.auth import keyring_file
from khala_pg.client import Endpoint, KhalaClient
from khala_pg.postgres.free_ports import free_port
from support.browser.browser import BrowserMissingError, browser
from support.postgres.databases import TEMPLATE, Database
from support.programs.missing import CLIENT, bundle, skip_without
from support.relay.client_relay import SOON, RelayUnderTest, contents, running_relay
from support.trials.waiting import until

ROOT = Path(__file__).resolve().parents[3]
TOPIC = "shop.orders"
PATIENCE_S = 60.0


@asynccontextmanager
async def served(
    name: str, environment: dict[str, str], directory: Path
) -> AsyncIterator[httpx.AsyncClient]:
    """The example as a process of its own."""
    place, module = {
        "fastapi": (ROOT, "examples.fastapi.app:app"),
        "django": (ROOT / "examples/django", "shop.asgi:application"),
    }[name]
    if name == "django":
        migrate = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
        subprocess.run(migrate, cwd=place, env=environment, check=True)
    port, log = free_port(), directory / f"{name}.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", module, f"--port={port}"],
            cwd=place,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=PATIENCE_S
        ) as http:

            async def answers() -> bool:
                assert server.poll() is None, log.read_text()
                try:
                    return (await http.get("/khala-token")).status_code < 600
                except httpx.TransportError:
                    return False

            await until(answers, "it serves", PATIENCE_S)
            yield http
    finally:
        server.terminate()
        await asyncio.to_thread(server.wait)


def environment(database: Database, keyring: Path, relay: RelayUnderTest) -> dict[str, str]:
    told = {name: str(value) for name, value in conninfo_to_dict(database.dsn).items()}
    return {
        **os.environ,
        "DATABASE_URL": "postgresql://{user}:{password}@{host}:{port}/{dbname}".format(**told),
        "KHALA_KEYRING": str(keyring),
        "KHALA_WS_URL": relay.ws,
    }


@pytest.mark.parametrize("name", ["fastapi", "django"])
async def test_a_backend(name: str, newest_database: Database, tmp_path: Path) -> None:
    ring = keys.generate()
    keyring_file.save(ring, tmp_path / "keyring.json")
    if name == "fastapi":  # Django's migration does it.
        with newest_database.connect("dba") as connection:
            connection.execute("SELECT khala.register_topic(%s)", (TOPIC,))
    async with (
        running_relay(newest_database.relay_dsn, ring) as relay,
        served(
            name, environment(newest_database, tmp_path / "keyring.json", relay), tmp_path
        ) as app,
    ):

        def follower(user: str) -> KhalaClient:
            async def endpoint() -> Endpoint:
                answer = await app.get("/khala-token", headers={"X-User": user})
                return Endpoint(relay.ws, answer.raise_for_status().json()["token"])

            return KhalaClient(endpoint, [TOPIC], backoff=SOON)

        async def post(path: str, user: str, body: object = None) -> httpx.Response:
            return await app.post(path, json=body, headers={"X-User": user})

        async with follower("acme/ann") as ann, follower("other/bob") as bob:
            made = await post("/orders", "acme/ann", {"item": "lamp", "quantity": 60})
            assert made.status_code == 201
            order, watermark = made.json()["id"], made.json()["watermark"]
            await ann.wait_for(TOPIC, watermark, timeout=PATIENCE_S)
            lamp = {"item": "lamp", "quantity": 60, "state": "new"}
            assert contents(ann, TOPIC) == {f"order/{order}": lamp}

            too_many = await post("/orders", "acme/ann", {"item": "lamp", "quantity": 41})
            assert too_many.status_code == 409
            assert too_many.json() == {"detail": "lamp: 101 ordered, 100 in stock"}

            foreign = await post(f"/orders/{order}/pay", "other/bob")
            assert foreign.status_code == 404
            paid = await post(f"/orders/{order}/pay", "acme/ann")
            assert paid.json() == {"id": order, "watermark": watermark + 1}
            for client in (ann, bob):
                await client.wait_for(TOPIC, watermark + 1, timeout=PATIENCE_S)
                await client.sync(timeout=PATIENCE_S)
            assert contents(ann, TOPIC) == {f"order/{order}": {**lamp, "state": "paid"}}
            assert contents(bob, TOPIC) == {}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of the client as a page loads it."""
    made = tmp_path_factory.mktemp("client")
    bundle(CLIENT / "src/index.ts", made / "index.js")
    return made


async def test_what_follows_the_orders_of_fastapi(
    newest_database: Database, tmp_path: Path, client: Path
) -> None:
    """The page and the program."""
    ring = keys.generate()
    keyring_file.save(ring, tmp_path / "keyring.json")
    with newest_database.connect("dba") as connection:
        connection.execute("SELECT khala.register_topic(%s)", (TOPIC,))
    async with running_relay(newest_database.relay_dsn, ring) as relay:
        given = environment(newest_database, tmp_path / "keyring.json", relay)
        async with served("fastapi", {**given, "KHALA_CLIENT": str(client)}, tmp_path) as app:
            user = {"X-User": "acme/ann"}
            await app.post("/orders", json={"item": "sofa", "quantity": 1}, headers=user)
            await follows(given, app)
            await shows(app)


async def follows(given: dict[str, str], app: httpx.AsyncClient) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "examples.fastapi.follow", "acme/ann"],
        cwd=ROOT,
        env={**given, "KHALA_APP": str(app.base_url)},
        stdout=subprocess.PIPE,
        text=True,
    ) as following:
        assert following.stdout is not None
        try:
            line = await asyncio.to_thread(following.stdout.readline)
        finally:
            following.terminate()
    assert line.startswith("order/1 {")
    assert "'item': 'sofa'" in line


async def shows(app: httpx.AsyncClient) -> None:
    try:
        async with browser(os.environ, "--no-sandbox") as page:
            await page.act("open", url=str(app.base_url))
            await page.wait("text=order/1: 1 sofa, new")
            await page.act("click", selector="button")
            await page.wait("text=Order 2 is in the list.")
            assert await page.act("texts", selector="li") == [
                "order/1: 1 sofa, new",
                "order/2: 1 lamp, new",
            ]
            await app.post("/orders/2/pay", headers={"X-User": "acme/ann"})
            await page.wait("text=order/2: 1 lamp, paid")
    except BrowserMissingError as missing:
        skip_without(str(missing))


def test_a_project_of_django_has_tests_of_its_own(
    newest_database: Database, tmp_path: Path
) -> None:
    keyring_file.save(keys.generate(), tmp_path / "keyring.json")
    relay = RelayUnderTest("", "", keys.generate())
    done = subprocess.run(
        [sys.executable, "manage.py", "test", "--noinput"],
        cwd=ROOT / "examples/django",
        env={
            **environment(newest_database, tmp_path / "keyring.json", relay),
            "TEST_TEMPLATE": TEMPLATE,
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "Ran 2 tests" in done.stderr


@pytest.mark.parametrize(
    ("guide", "example"),
    [
        ("docs/howto/write-from-python.md", "examples/fastapi"),
        ("docs/howto/django.md", "examples/django"),
    ],
)
def test_a_guide_shows_what_runs(guide: str, example: str) -> None:
    """Each of its blocks of Python that is a part of the example."""
    code = "\n".join(file.read_text("utf-8") for file in (ROOT / example).rglob("*.py"))
    lines = {line.strip() for line in code.splitlines()}
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / guide).read_text("utf-8"), re.DOTALL)
    if example == "examples/fastapi":
        blocks = blocks[1:]  # The first one is a program by itself.
    assert blocks
    assert [
        line for block in blocks for line in block.splitlines() if line.strip() not in lines
    ] == []


def test_the_first_program_of_the_guide(newest_database: Database, tmp_path: Path) -> None:
    [program, *_] = re.findall(
        r"```python\n(.*?)```",
        (ROOT / "docs/howto/write-from-python.md").read_text("utf-8"),
        re.DOTALL,
    )
    with newest_database.connect() as connection:
        connection.execute("SELECT khala.register_topic(%s)", (TOPIC,))
        connection.execute("CREATE TABLE orders (id int, state text)")
    assert "dbname=shop" in program
    done = subprocess.run(
        [sys.executable, "-c", program.replace("dbname=shop", newest_database.dsn)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "1 applied\n"
