"""Where the desktop surface finds the relay, how it signs in, and how it starts at login."""

import json
import os
import re
import subprocess
from pathlib import Path

import jwt
import pytest

from khala_pg.desktop import autostart
from khala_pg.desktop.settings import DisabledError, find_place, require_enabled, state_directory
from khala_pg.errors import UsageError

TOKEN = {"KHALA_TOKEN": "t"}
KEY = "khala_0123456789ab_" + "a_" * 20


@pytest.mark.parametrize("value", ["true", "1", " On ", "YES"])
def test_it_is_on(value: str) -> None:
    require_enabled({"OA_DESKTOP_KHALA_SYNC_ENABLED": value})


@pytest.mark.parametrize("value", ["", "false", "0", "OFF"])
def test_it_is_off(value: str) -> None:
    with pytest.raises(DisabledError):
        require_enabled({"OA_DESKTOP_KHALA_SYNC_ENABLED": value})
    with pytest.raises(DisabledError):
        require_enabled({})


@pytest.mark.parametrize(
    ("url", "http"),
    [
        ("wss://khala.example/socket/websocket", "https://khala.example"),
        ("ws://127.0.0.1:4000/socket/websocket", "http://127.0.0.1:4000"),
        ("ws://[::1]:4000/socket/websocket", "http://[::1]:4000"),
    ],
)
def test_one_address_is_enough_behind_a_proxy(url: str, http: str, tmp_path: Path) -> None:
    place = find_place({"OA_DESKTOP_KHALA_SYNC_URL": url, **TOKEN}, tmp_path)
    assert (place.ws, place.http, place.page) == (url, http, http)
    other = {"KHALA_HTTP_URL": "http://127.0.0.1:4001"}
    place = find_place({"OA_DESKTOP_KHALA_SYNC_URL": url, **TOKEN, **other}, tmp_path)
    assert place.http == "http://127.0.0.1:4001"


def test_a_running_khala_dev_is_enough(tmp_path: Path) -> None:
    (tmp_path / ".khala").mkdir()
    state = {"ws": "ws://h:1/s", "http": "http://h:2", "page": "http://h:3/", "token": "t"}
    (tmp_path / ".khala/dev.json").write_text(json.dumps({**state, "pid": os.getpid()}))
    place = find_place({}, tmp_path)
    assert (place.ws, place.http, place.page, place.token) == tuple(state.values())
    # Another relay's page is not that of khala dev.
    assert find_place({"OA_DESKTOP_KHALA_SYNC_URL": "ws://o:1/s", **TOKEN}, tmp_path).page == (
        "http://o:1"
    )


def test_wrong_addresses_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="OA_DESKTOP_KHALA_SYNC_URL is 'http://h'"):
        find_place({"OA_DESKTOP_KHALA_SYNC_URL": "http://h", **TOKEN}, tmp_path)
    with pytest.raises(UsageError, match="no option or setting") as caught:
        find_place({}, tmp_path)
    assert caught.value.hint == "Set KHALA_WS_URL, or run `khala dev` in this directory."


def test_each_account_has_files_of_its_own(tmp_path: Path) -> None:
    def account(url: str = "ws://h:1/s", **more: str) -> str:
        return find_place({"OA_DESKTOP_KHALA_SYNC_URL": url, **more}, tmp_path).account

    def token(sub: str, expires: int) -> str:
        claims = {"oa_org_id": "acme", "sub": sub, "exp": expires}
        return jwt.encode(claims, "k" * 32, algorithm="HS256")

    ann = account(KHALA_TOKEN=token("ann", 1))
    assert ann == account(KHALA_TOKEN=token("ann", 2))
    assert ann != account(KHALA_TOKEN=token("bob", 1))
    assert ann != account("ws://h:2/s", KHALA_TOKEN=token("ann", 1))
    by_key = account(KHALA_API_KEY=KEY)
    assert by_key == account(KHALA_API_KEY=KEY + "b")
    assert by_key != account(KHALA_API_KEY=KEY.replace("0123", "3210"))
    place = find_place({"OA_DESKTOP_KHALA_SYNC_URL": "ws://h:1/s", "KHALA_API_KEY": KEY}, tmp_path)
    assert KEY not in repr(place)


def test_its_files_are_in_the_state_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    assert state_directory({}) == Path("/home/ann/.local/state/khala/desktop")
    assert state_directory({"XDG_STATE_HOME": "/s"}) == Path("/s/khala/desktop")


def test_it_starts_at_login_with_what_it_was_started_with(tmp_path: Path) -> None:
    url = 'ws://h/a b"c\\d`$e%f'
    environment = {
        "XDG_CONFIG_HOME": str(tmp_path),
        "OA_DESKTOP_KHALA_SYNC_ENABLED": "true",
        "OA_DESKTOP_KHALA_SYNC_URL": url,
        "KHALA_TOKEN": "secret-token",
        "KHALA_API_KEY": "secret-key",
    }
    assert not autostart.is_on(environment)
    autostart.switch(environment, on=True)
    assert autostart.is_on(environment)
    [entry] = (tmp_path / "autostart").iterdir()
    text = entry.read_text()
    assert "secret" not in text
    line = re.search("^Exec=(.*)$", text, re.MULTILINE)
    assert line is not None
    # The Desktop Entry Specification: string escapes, field codes, and the shell's quotes.
    command = line[1].replace("\\\\", "\\").replace("%%", "%")
    shell = ["sh", "-c", f"printf '%s\\n' {command}"]
    words = subprocess.run(shell, capture_output=True, text=True, check=True).stdout.splitlines()
    assert words[:3] == [
        "env",
        "OA_DESKTOP_KHALA_SYNC_ENABLED=true",
        f"OA_DESKTOP_KHALA_SYNC_URL={url}",
    ]
    assert words[-2:] == ["desktop", "--hidden"]
    autostart.switch(environment, on=False)
    autostart.switch(environment, on=False)
    assert not autostart.is_on(environment)
