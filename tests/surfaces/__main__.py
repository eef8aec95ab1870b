"""`make surfaces`."""

import asyncio
import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from khala_pg.child_process import how_it_ended
from support.browser.browser import BrowserMissingError
from support.desktop.desktop_surface import PATIENCE_S, qt_missing, surface, virtual_display
from support.programs.dev_process import khala
from support.trials.waiting import wait_until
from surfaces.stage import DESKTOP_ON, Stage, display, stage
from surfaces.together import ENOUGH, SOON_S, is_soon, measure

# Prints for an hour, so that there is something to watch.
_SHOWN = ["sh", "-c", "for i in $(seq 3600); do echo line $i; sleep 1; done"]
# The last: the terminal is closed.
_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def command(
    check: Annotated[
        bool, typer.Option("--check", help="Measure how soon each shows a change, and end.")
    ] = False,
    page: Annotated[Path | None, typer.Option(help="The built admin page.")] = None,
    phone: Annotated[Path | None, typer.Option(help="The mobile application's web export.")] = None,
) -> None:
    """Show the page, the mobile application and the desktop on one khala dev, until Ctrl-C.

    Exit status 1 of --check: a surface is missing, or was later than a second.
    """
    for number in _ENDS:
        signal.signal(number, _interrupt)
    try:
        with stage(page, phone) as made:
            raise typer.Exit(_check(made) if check else _show(made))
    except KeyboardInterrupt:
        _say("stopped; nothing is left")
    except BrowserMissingError as missing:
        _say(f"nothing is measured: {missing}")
        raise typer.Exit(1) from None


def _interrupt(number: int, frame: FrameType | None) -> None:
    # A second one must not keep what is still there from being ended.
    for each in _ENDS:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


def _show(made: Stage) -> int:
    with ExitStack() as stack:
        desktop = stack.enter_context(_desktop(made))
        run = khala("run", "--title", "A run to watch", "--", *_SHOWN)
        stack.enter_context(made.service(run))
        stack.enter_context(made.service(khala("worker", "echo-1", "--", "cat")))
        _say(f"page      {made.page or 'not built: make web says why'}")
        _say(f"phone     {made.phone or 'not built: scripts/typescript.sh mobile says why'}")
        _say(f"desktop   {desktop}")
        _say(f"terminal  export KHALA_DEV_FILE={made.environment['KHALA_DEV_FILE']}")
        _say("          khala tail runtime.run_summaries")
        _say("          khala run -- find /usr -name '*.py'")
        _say("Each link signs a browser in once; `khala page` makes another for the page.")
        _say("A `khala run` and a `khala worker` are under way. Ctrl-C ends everything.")
        return made.dev.process.wait()


@contextmanager
def _desktop(made: Stage) -> Iterator[str]:
    """The desktop surface, if it can be shown; where it is, in words."""
    with display() as (where, variables):
        if not where:
            yield "neither a display nor Xvfb is here; in a desktop session: khala desktop"
            return
        with made.service(khala("desktop"), **DESKTOP_ON, **variables) as process:
            store = Path(made.environment["XDG_STATE_HOME"], "khala", "desktop")
            wait_until(
                lambda: process.poll() is not None or any(store.glob("*.khala*")),
                "khala desktop has opened its store, or has ended",
                PATIENCE_S,
            )
            yield where if process.poll() is None else f"is not shown: {_ended(process.returncode)}"


def _ended(status: int) -> str:
    return f"khala desktop {how_it_ended(status)}, as it says above"


def _check(made: Stage) -> int:
    missing = {"page": made.page, "phone": made.phone, "Xvfb": shutil.which("Xvfb")}
    absent = [name for name, found in missing.items() if not found]
    if reason := qt_missing():
        absent.append(f"desktop ({reason})")
    if absent:
        _say(f"not here, so nothing is measured: {', '.join(absent)}")
        return 1
    with (
        virtual_display() as name,
        surface({**made.environment, "DISPLAY": name}, made.home) as desktop,
    ):
        desktop.shows("that it is connected", connection="Live")
        _say("seconds until each showed a run, from when `khala run` had begun:")
        measured = asyncio.run(measure(made, desktop, _say))
        desktop.stop()
    soon = sum(map(is_soon, measured))
    _say(f"{soon} of {len(measured)} changes were on all of them within {SOON_S:g} s")
    return 0 if soon >= ENOUGH else 1


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    app()
