"""The built wheel, alone in an empty environment, migrates a database and runs `khala dev`.

It is built from the sdist of a checkout whose page is built, and has it.
"""

import json
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import httpx
import psycopg
import pytest

from khala_pg.migration.migrate import status
from khala_pg.postgres.server import PostgresServer
from support.postgres.databases import empty
from support.postgres.servers import Servers
from support.programs.dev_process import running
from support.programs.packages import PAGE, copied, run, wheel


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin directory of an environment that holds the wheel and what it depends on."""
    place = tmp_path_factory.mktemp("wheel")
    environment = place / "environment"
    venv.create(environment, with_pip=False, symlinks=True)
    python = environment / "bin" / "python"
    run(
        *(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--quiet"),
        wheel(tmp_path_factory),
        cwd=place,
    )
    # The dependencies are those of the environment that runs the tests, read from where they are;
    # this adds their directory without what its own .pth files say (the editable checkout).
    (site_packages,) = environment.glob("lib/python*/site-packages")
    (site_packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return environment / "bin"


def test_the_wheel_migrates(installed: Path, newest_server: PostgresServer, tmp_path: Path) -> None:
    where = run(
        installed / "python",
        "-c",
        "import json, khala_pg, khala_pg.resources as r;"
        "print(json.dumps([khala_pg.__file__, str(r.db_dir())]))",
        cwd=tmp_path,
    )
    assert all(path.startswith(str(installed.parent)) for path in json.loads(where)), where
    with empty(newest_server) as database:
        said = run(installed / "khala", "migrate", cwd=tmp_path, KHALA_DATABASE_URL=database.dsn)
        assert "applied  seed" in said
        again = run(
            installed / "khala",
            "migrate",
            "--status",
            cwd=tmp_path,
            KHALA_DATABASE_URL=database.dsn,
        )
        assert "pending" not in again
        # Exactly what the checkout's own files make, function bodies included.
        assert status(database.dsn).up_to_date


def test_the_wheel_names_its_version(installed: Path, tmp_path: Path) -> None:
    assert run(installed / "khala", "--version", cwd=tmp_path).startswith("khala ")


def test_the_wheel_runs_khala_dev(installed: Path, servers: Servers) -> None:
    data_dir = servers.new_home("wheel") / "data"
    with (
        running(data_dir, program=[installed / "khala"]) as dev,
        psycopg.connect(dev.ready["database"]) as connection,
    ):
        assert dev.is_ready()
        page = httpx.get(dev.ready["page"], trust_env=False)
        assert page.text == PAGE
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        script = httpx.get(dev.ready["page"] + "assets/index-1.js", trust_env=False)
        assert (script.text, "immutable" in script.headers["cache-control"]) == ("export {}", True)
        session = httpx.get(dev.ready["page"] + "api/page/session", trust_env=False)
        assert session.json()["organisation"] == "dev"
        connection.execute("SELECT khala.register_topic('shop.orders', p_ownership => 'mixed')")
        sunk = connection.execute(
            "SELECT watermark, outcome FROM khala.sink('shop.orders', 'order/1', 1, '{}', 'acme')"
        )
        assert sunk.fetchall() == [(1, "applied")]


def test_a_checkout_without_a_built_page_builds_too(tmp_path: Path) -> None:
    run(
        *(sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path),
        copied(tmp_path / "checkout"),
        cwd=tmp_path,
    )
    (built,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(built) as package:
        names = package.namelist()
    assert "khala_pg/_db/sqitch.plan" in names
    assert not [name for name in names if "_web" in name]
