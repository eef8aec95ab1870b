"""A real Chromium with pages that a test opens, reads and takes pictures of."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[3]
_WEB = _ROOT / "typescript/web"
_DRIVER = Path(__file__).with_name("browser.mjs")
_NAMES = ("chromium", "chromium-browser", "google-chrome")


class BrowserMissingError(Exception):
    """There is no browser, or not what drives it; the message says what to do."""


class BrowserError(Exception):
    """The browser could not do something."""


class Browser:
    """Chromium. Every action takes the name of a page, which `open` gives it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def act(self, action: str, **rest: Any) -> Any:
        """Raises BrowserError."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps({"action": action, **rest}).encode() + b"\n")
        await stdin.drain()
        line = await stdout.readline()
        if not line:
            raise BrowserError("the browser has ended")
        answer = json.loads(line)
        if "error" in answer:
            raise BrowserError(answer["error"])
        return answer["value"]

    async def wait(self, selector: str, seconds: float = 60) -> None:
        await self.act("wait", selector=selector, ms=seconds * 1000)

    async def picture(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        await self.act("picture", file=str(file))


@asynccontextmanager
async def browser(
    environment: Mapping[str, str],
    *options: str,
    around: Callable[[Sequence[str]], Sequence[str]] = list,
) -> AsyncIterator[Browser]:
    """Chromium, headless, with these options. around: makes the command line another one.

    Raises BrowserMissingError.
    """
    path = environment["PATH"]
    chromium = environment.get("KHALA_CHROMIUM") or next(
        (found for name in _NAMES if (found := shutil.which(name, path=path))), None
    )
    node = shutil.which("node", path=path)
    if chromium is None or node is None:
        missing = "Chromium (apt-get install chromium)" if chromium is None else "Node"
        raise BrowserMissingError(f"no {missing} on PATH")
    if not (_WEB / "node_modules/playwright-core").is_dir():
        raise BrowserMissingError("Playwright is missing: scripts/typescript.sh packages")
    process = await asyncio.create_subprocess_exec(
        *around([node, str(_DRIVER), str(_WEB), chromium, *options]),
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Browser(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(20):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
