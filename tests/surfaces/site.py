"""Server of a built application; its requests to /api are passed on to a relay.

So application and API have one origin, as behind a proxy.
"""

import http.client
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any
from urllib.parse import urlsplit

_API = "/api/"
_PHONE = "/phone.html"
# Of a common phone, in the pixels of CSS.
WIDTH, HEIGHT = 390, 844
# A window of a phone's width shows the application itself. Frame and application share the tab's
# storage, where the application keeps its account.
_FRAME = """<!doctype html><meta charset="utf-8"><title>Khala on a phone</title>
<style>
body {{ display: grid; place-content: center; min-height: 100vh; margin: 0; background: #888 }}
iframe {{ width: {width}px; height: {height}px; border: 12px solid #111; border-radius: 36px }}
</style>
<script>
const account = {account};
if (account !== null) sessionStorage.setItem("khala.account", JSON.stringify(account));
if (innerWidth <= {width}) location.replace("/");
</script>
<iframe src="/" title="Khala on a phone"></iframe>
"""
_PATIENCE_S = 30


class Tickets:
    """Links that sign a browser in, each once."""

    def __init__(self, account: Mapping[str, object]) -> None:
        self._account = account
        self._codes: set[str] = set()
        self._lock = Lock()

    def make(self) -> str:
        """The code of a new link."""
        code = secrets.token_urlsafe(16)
        with self._lock:
            self._codes.add(code)
        return code

    def use(self, code: str) -> Mapping[str, object] | None:
        """The account; None if there is no such code any more."""
        with self._lock:
            if code not in self._codes:
                return None
            self._codes.remove(code)
            return self._account


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, relay: str, tickets: Tickets | None, *rest: Any, **named: Any) -> None:
        self._relay = relay
        self._tickets = tickets
        super().__init__(*rest, **named)

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path.startswith(_API):
            self._pass_on()
        elif path == _PHONE:
            code = urlsplit(self.path).query
            account = None if self._tickets is None else self._tickets.use(code)
            frame = _FRAME.format(width=WIDTH, height=HEIGHT, account=json.dumps(account))
            headers = {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store"}
            self._respond(200, headers, frame.encode())
        else:
            if not Path(self.translate_path(path)).exists():
                # Every address of the application is the application's to resolve.
                self.path = "/"
            super().do_GET()

    def do_POST(self) -> None:
        self._pass_on()

    def _pass_on(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        headers = {name: value for name, value in self.headers.items() if name != "Connection"}
        # The relay knows its page by host and origin.
        headers["Host"] = self._relay
        if "Origin" in headers:
            headers["Origin"] = f"http://{self._relay}"
        connection = http.client.HTTPConnection(self._relay, timeout=_PATIENCE_S)
        try:
            connection.request(self.command, self.path, self.rfile.read(length), headers)
            response = connection.getresponse()
            self._respond(response.status, dict(response.getheaders()), response.read())
        except OSError:
            self._respond(502, {}, b"")
        finally:
            connection.close()

    def _respond(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in {"content-length", "connection", "transfer-encoding"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Logs nothing: the browser shows what failed."""


@contextmanager
def site(directory: Path, relay: str, tickets: Tickets | None = None) -> Iterator[str]:
    """The address of a server of this directory, which ends with the block. relay: its URL."""
    handler = partial(_Handler, urlsplit(relay).netloc, tickets, directory=str(directory))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def phone_link(address: str, tickets: Tickets) -> str:
    """The address at which a browser of any size shows the application at a phone's, signed in.

    It works once.
    """
    return f"{address}{_PHONE}?{tickets.make()}"
