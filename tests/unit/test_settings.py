"""Where commands find the database, the relay and whom they write for."""

import json
from pathlib import Path

import pytest

from khala_pg import settings
from khala_pg.errors import UsageError


@pytest.fixture
def dev_directory(tmp_path: Path) -> Path:
    """A directory below one in which `khala dev` runs."""
    state = {"database": "postgresql:///dev", "organisation": "dev"}
    (tmp_path / ".khala").mkdir()
    (tmp_path / settings.DEV_FILE).write_text(json.dumps(state))
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    return below


def test_an_option_wins_over_the_environment_and_that_over_khala_dev(dev_directory: Path) -> None:
    env = {"KHALA_DATABASE_URL": "postgresql:///env"}
    assert settings.resolve(settings.DATABASE, "host=mine", env, dev_directory) == "host=mine"
    assert settings.resolve(settings.DATABASE, None, env, dev_directory) == "postgresql:///env"
    assert settings.resolve(settings.DATABASE, None, {}, dev_directory) == "postgresql:///dev"


def test_without_any_of_them_the_error_names_all_three(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        settings.resolve(settings.WS, None, {}, tmp_path)
    assert caught.value.hint == (
        "Pass --ws, set KHALA_WS_URL, or run `khala dev` in this directory."
    )


def test_an_empty_option_is_no_missing_one(dev_directory: Path) -> None:
    with pytest.raises(UsageError, match="--database is empty"):
        settings.resolve(
            settings.DATABASE, "", {"KHALA_DATABASE_URL": "postgresql://other"}, dev_directory
        )


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_broken_dev_file_is_said_to_be_broken(tmp_path: Path, content: str) -> None:
    broken = tmp_path / "dev.json"
    broken.write_text(content)
    with pytest.raises(UsageError, match=r"dev\.json"):
        settings.resolve(settings.WS, None, {"KHALA_DEV_FILE": str(broken)}, tmp_path)


def test_the_organisation_of_khala_dev_owns_only_what_is_written_to_its_database(
    dev_directory: Path,
) -> None:
    assert settings.organisation(None, None, {}, dev_directory) == "dev"
    assert settings.organisation("acme", None, {}, dev_directory) == "acme"
    assert settings.organisation(None, None, {"KHALA_ORG": "env"}, dev_directory) == "env"
    assert settings.organisation(None, "postgresql:///other", {}, dev_directory) is None
    elsewhere = {"KHALA_DATABASE_URL": "postgresql:///other"}
    assert settings.organisation(None, None, elsewhere, dev_directory) is None


def test_the_metrics_of_khala_dev_are_looked_at_only_beside_its_database(
    dev_directory: Path,
) -> None:
    url = "http://127.0.0.1:1/metrics"
    file = dev_directory.parents[1] / settings.DEV_FILE
    assert settings.relay_metrics(None, None, {}, dev_directory) == []
    file.write_text(json.dumps({"database": "postgresql:///dev", "metrics": url}))
    assert settings.relay_metrics(None, None, {}, dev_directory) == [url]
    assert settings.relay_metrics(["http://a/", "http://b/"], None, {}, dev_directory) == [
        "http://a/",
        "http://b/",
    ]
    assert settings.relay_metrics(None, "postgresql:///other", {}, dev_directory) == []
    elsewhere = {"KHALA_DATABASE_URL": "postgresql:///other"}
    assert settings.relay_metrics(None, None, elsewhere, dev_directory) == []
