"""`khala desktop`: a status window and a tray icon."""

import os
import sys
from typing import Annotated

import typer

from khala_pg.desktop.settings import find_place, require_enabled, state_directory
from khala_pg.errors import KhalaError, UsageError
from khala_pg.settings import Following


def command(
    hidden: Annotated[
        bool,
        typer.Option("--hidden", help="Start with the tray icon only, where there is a tray."),
    ] = False,
) -> None:
    """Show runs, workers and the Lightning pause in a window and a tray icon, live.

    It notifies when a run or worker fails or a worker becomes stale, keeps its documents for when
    the relay is away, and ends with Quit in its menu, Ctrl-C or SIGTERM. A second start raises the
    window of the first. OA_DESKTOP_KHALA_SYNC_ENABLED=true switches it on. The relay is that of
    OA_DESKTOP_KHALA_SYNC_URL, else of KHALA_WS_URL and KHALA_HTTP_URL, else a running `khala dev`;
    it signs in with KHALA_API_KEY, else with KHALA_TOKEN, else as `khala dev` does. Needs
    pip install 'khala-pg\\[desktop]'.

    Examples:

        khala desktop

        khala desktop --hidden
    """
    require_enabled(os.environ)
    place = Following(lambda: find_place(os.environ))
    if not any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))):
        # Qt would abort the process.
        raise UsageError(
            "there is no display: neither DISPLAY nor WAYLAND_DISPLAY is set",
            "Start it in a desktop session.",
        )
    try:
        from khala_pg.desktop.qt.run import run
    except ImportError as error:
        raise KhalaError(
            f"the desktop surface cannot be loaded: {error}",
            "Install it with: pip install 'khala-pg[desktop]'. If a library of the system is "
            "missing, install that: docs/howto/desktop.md lists them.",
        ) from error
    status = run(["khala"], place, state_directory(os.environ), hidden=hidden)
    if status:
        sys.exit(status)
