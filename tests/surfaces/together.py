"""How soon each surface shows a change that `khala run` makes."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

import psycopg

from support.browser.browser import Browser, browser
from support.desktop.desktop_surface import Surface
from support.programs.dev_process import khala
from support.trials.waiting import wait_until
from surfaces.site import HEIGHT, WIDTH
from surfaces.stage import Stage

SOON_S = 1.0
# A busy machine may be late; what is soon so often was no accident.
ENOUGH = 3
_MOST = 30
_RUNS = 'role=tab[name="Runs"]'
_PATIENCE_S = 60.0
# Of the machine's clock, like the moments at which they are seen.
_BEGAN = """
SELECT extract(epoch FROM occurred_at)::float8
FROM runtime.entity_events
WHERE kind = 'run' AND id = %s AND seq = 1
"""


def is_soon(seen: Mapping[str, float]) -> bool:
    """Whether every surface had it within a second."""
    return max(seen.values()) <= SOON_S


async def measure(
    stage: Stage, desktop: Surface, say: Callable[[str], None]
) -> list[Mapping[str, float]]:
    """Starts runs until they were seen soon often enough; seconds until each surface had each."""
    assert stage.page is not None
    assert stage.phone is not None
    pages = {"page": (stage.page, 1280, 800), "phone": (stage.phone, WIDTH, HEIGHT)}
    async with browser(stage.environment) as chromium:
        for name, (url, width, height) in pages.items():
            await chromium.act("open", page=name, url=url, width=width, height=height)
        await chromium.act("wait", page="page", selector="nav", ms=_PATIENCE_S * 1000)
        await chromium.act("go", page="page", url=f"{stage.dev.ready['page']}#/runs")
        await chromium.act("wait", page="phone", selector=_RUNS, ms=_PATIENCE_S * 1000)
        await chromium.act("click", page="phone", selector=_RUNS)
        measured: list[Mapping[str, float]] = []
        for number in range(1, _MOST + 1):
            seen = await _seen(stage, desktop, chromium, list(pages), number)
            say(f"  {number:2}  " + "".join(f"{name} {s:.2f} s   " for name, s in seen.items()))
            measured.append(seen)
            if sum(map(is_soon, measured)) == ENOUGH:
                break
        return measured


async def _seen(
    stage: Stage, desktop: Surface, chromium: Browser, pages: Sequence[str], number: int
) -> Mapping[str, float]:
    title = f"change {number}"
    for page in pages:
        await chromium.act("watch", page=page, text=title)
    at_desktop = asyncio.create_task(asyncio.to_thread(_at_desktop, desktop, title))
    run = khala("run", "--id", f"run-{number}", "--title", title, "--", "true")
    with stage.service(run) as process:
        assert await asyncio.to_thread(process.wait, _PATIENCE_S) == 0
    async with asyncio.timeout(_PATIENCE_S):
        moments = {page: await chromium.act("seen", page=page) / 1000 for page in pages}
        moments["desktop"] = await at_desktop
    with psycopg.connect(stage.dev.ready["database"]) as connection:
        row = connection.execute(_BEGAN, [f"run-{number}"]).fetchone()
    assert row is not None
    return {name: moment - row[0] for name, moment in moments.items()}


def _at_desktop(desktop: Surface, title: str) -> float:
    """The moment at which the window has a row with the title."""
    wait_until(lambda: title in desktop.seen()["names"], f"the window has {title}", _PATIENCE_S)
    return time.time()
