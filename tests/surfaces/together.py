"""How soon each surface shows a change that `khala run` makes."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

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
_PATIENCE_S = 60.0
_STARTED = """
SELECT payload->>'started_at' FROM runtime.sync_run_summaries WHERE payload->>'run_id' = %s
"""


def is_soon(seen: Mapping[str, float]) -> bool:
    """Whether every surface had it within a second."""
    return max(seen.values()) <= SOON_S


async def measure(
    stage: Stage, desktop: Surface, say: Callable[[str], None]
) -> list[Mapping[str, float]]:
    """Starts runs until they were seen soon often enough; seconds until each surface had each.

    They count from the moment at which `khala run` began, which the run's summary has.
    """
    assert stage.page is not None
    pages = {"page": (f"{stage.page}#/runs", 1280, 800)}
    if stage.phone is not None:
        pages["phone"] = (stage.phone, WIDTH, HEIGHT)
    async with browser(stage.environment) as chromium:
        for name, (url, width, height) in pages.items():
            await chromium.act("open", page=name, url=url, width=width, height=height)
        measured: list[Mapping[str, float]] = []
        for number in range(1, _MOST + 1):
            seen = await _seen(stage, desktop, chromium, list(pages), f"change {number}")
            say(f"  {number:2}  " + "".join(f"{name} {s:.2f} s   " for name, s in seen.items()))
            measured.append(seen)
            if sum(map(is_soon, measured)) == ENOUGH:
                break
        return measured


async def _seen(
    stage: Stage, desktop: Surface, chromium: Browser, pages: Sequence[str], title: str
) -> Mapping[str, float]:
    for page in pages:
        await chromium.act("watch", page=page, text=title)
    at_desktop = asyncio.create_task(asyncio.to_thread(_at_desktop, desktop, title))
    run = title.replace(" ", "-")
    with stage.service(khala("run", "--id", run, "--title", title, "--", "true")) as process:
        await asyncio.to_thread(process.wait, _PATIENCE_S)
    async with asyncio.timeout(_PATIENCE_S):
        moments = {page: await chromium.act("seen", page=page) / 1000 for page in pages}
        moments["desktop"] = await at_desktop
    with psycopg.connect(stage.dev.ready["database"]) as connection:
        row = connection.execute(_STARTED, [run]).fetchone()
    assert row is not None
    began = datetime.fromisoformat(row[0]).timestamp()
    return {name: moment - began for name, moment in moments.items()}


def _at_desktop(desktop: Surface, title: str) -> float:
    """The moment at which the window has a row with the title."""
    wait_until(lambda: title in desktop.seen()["names"], f"the window has {title}", _PATIENCE_S)
    return time.time()
