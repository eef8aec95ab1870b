"""Running an operators' program: options of all, its progress, its one result or error."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperCommand
from typer.exceptions import TyperException

import khala_pg
from khala_pg import settings
from khala_pg.cli.text import json_text, say
from khala_pg.errors import KhalaError
from khala_pg.lightning.operations.configuration import PREFIX, mode_of
from khala_pg.lightning.operations.errors import OpsError, error_json
from khala_pg.lightning.operations.opening import Surroundings, opened
from khala_pg.lightning.operations.progress import Say

ModeOption = Annotated[
    str | None,
    typer.Option(
        "--mode",
        metavar="mock|api",
        help="api: the control plane's API. mock: in memory, to try it without a server. "
        "Default: OA_LIGHTNING_OPS_CONTROL_PLANE_MODE, else api.",
    ),
]
AsJson = Annotated[
    bool,
    typer.Option(
        "--json",
        help='Print exactly one JSON object: {"ok": true, …}, or {"ok": false, "error": …} with '
        "exit status 1.",
    ),
]
TimeLimit = Annotated[
    float,
    typer.Option(
        "--timeout", min=0.1, max=600.0, help="Seconds that one call or request may take."
    ),
]


class Program(TyperCommand):
    """Command that says with --json as JSON what is wrong with its call, too."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        as_json = "--json" in args
        try:
            return super().make_context(info_name, args, parent, **extra)
        except TyperException as error:
            if not as_json:
                raise
            hint = f"See `khala lightning {self.name} --help`."
            wrong = OpsError("invalid_call", error.format_message(), hint)
            print(json_text({"ok": False, "error": error_json(wrong)}))
            raise typer.Exit(1) from error


Work = Callable[[Surroundings, Say], Awaitable[dict[str, Any]]]
Show = Callable[[dict[str, Any]], None]


def run(mode: str | None, as_json: bool, limit_s: float, work: Work, show: Show) -> None:
    """Runs a program. show: prints its result for people."""
    try:
        result = asyncio.run(_run(mode, limit_s, work, _progress()))
    except (asyncio.CancelledError, KeyboardInterrupt) as stopped:
        number = signal.SIGINT if isinstance(stopped, KeyboardInterrupt) else signal.SIGTERM
        _refuse(OpsError("interrupted", f"ended by {number.name}", "Run it again."), as_json)
        raise typer.Exit(128 + number) from None
    except OSError as error:
        # A file that cannot be read to its end.
        _refuse(OpsError("failed", str(error.strerror or error), "Run it again."), as_json)
        raise typer.Exit(1) from error
    except ModuleNotFoundError as error:
        if str(error.name).startswith(khala_pg.__name__):
            raise
        message = f"a package is not installed: {error.name}"
        hint = "Run: pip install 'khala-pg[lightning]'"
        _refuse(OpsError("missing_package", message, hint), as_json)
        raise typer.Exit(1) from error
    except KhalaError as error:
        _refuse(error, as_json)
        raise typer.Exit(1) from error
    if as_json:
        print(json_text({"ok": True, **result}))
    else:
        show(result)


def _refuse(error: KhalaError, as_json: bool) -> None:
    if as_json:
        print(json_text({"ok": False, "error": error_json(error)}))
    else:
        say(error)
        _print_details(error_json(error))


async def _run(mode: str | None, limit_s: float, work: Work, progress: Say) -> dict[str, Any]:
    task = asyncio.current_task()
    assert task is not None
    # As Ctrl-C: what was switched on for a check is switched off again.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    chosen = mode_of(mode, os.environ)
    dev = settings.dev_state() if chosen == "api" and _needs_dev() else {}
    async with opened(chosen, os.environ, dev, limit_s) as surroundings:
        if chosen == "mock":
            progress("mock: nothing is stored")
        return {"mode": chosen, **await work(surroundings, progress)}


def _needs_dev() -> bool:
    return not os.environ.get(f"{PREFIX}API_BASE_URL", "").strip()


def _progress() -> Say:
    """Lines on standard error, if that is a terminal."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)

    def report(doing: str) -> None:
        if console.is_terminal:
            console.print(f"[dim]· {escape(doing)}[/]")

    return report


def _print_details(error: dict[str, Any]) -> None:
    """Each diagnostic or refused record, of which the message says the first."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for each in error.get("diagnostics", []):
        console.print(f"  {escape(each['code'])}: {escape(each['message'])}")
    for each in error.get("refused", []):
        hint = f" {each['hint']}" if "hint" in each else ""
        console.print(f"  line {each['line']}: {escape(each['message'] + hint)}")


def out(text: str) -> None:
    """A line of the result for people."""
    Console(highlight=False, soft_wrap=True).print(text, markup=False)
