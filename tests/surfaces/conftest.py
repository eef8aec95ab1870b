"""Builds that several tests of this folder use."""

from pathlib import Path

import pytest

from surfaces.build import build_page, build_phone, require_browser


@pytest.fixture(scope="session")
def built_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The admin page, built with an environment that has nothing for it."""
    require_browser()
    return build_page(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="session")
def built_phone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The mobile application for browsers, built likewise."""
    require_browser()
    return build_phone(tmp_path_factory.mktemp("phone"))
