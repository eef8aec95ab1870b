"""Builds of the surfaces that run in a browser, with an environment that has nothing for them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from support.programs.missing import skip_without
from surfaces.npm_surface import TYPESCRIPT

# Node may stand beside Python, and must not hide another one.
PATH = f"{os.environ.get('PATH', os.defpath)}{os.pathsep}{Path(sys.executable).parent}"


def require_browser() -> None:
    """Skips where Node, its packages or Chromium are missing; CI has all of them."""
    missing = []
    if shutil.which("node", path=PATH) is None:
        missing.append("Node")
    packages = (TYPESCRIPT / "web/node_modules/playwright-core", TYPESCRIPT / "mobile/node_modules")
    if not all(package.is_dir() for package in packages):
        missing.append("packages (scripts/typescript.sh packages)")
    if not any(shutil.which(name, path=PATH) for name in ("chromium", "google-chrome")):
        missing.append("Chromium")
    if missing:
        skip_without(f"the page needs {', '.join(missing)}")


def build_page(directory: Path) -> Path:
    """Builds the admin page into the directory."""
    subprocess.run(
        [
            "node_modules/.bin/vite",
            "build",
            f"--outDir={directory}",
            "--emptyOutDir",
            "--logLevel=warn",
        ],
        cwd=TYPESCRIPT / "web",
        env={"PATH": PATH},
        check=True,
    )
    return directory


def build_phone(directory: Path) -> Path:
    """Builds the mobile application for browsers, if that is to be done, and copies it there."""
    environment = {"PATH": PATH, "HOME": str(directory)}
    subprocess.run(
        [TYPESCRIPT.parent / "scripts/typescript.sh", "mobile"], env=environment, check=True
    )
    return Path(shutil.copytree(TYPESCRIPT / "mobile/dist", directory / "built"))
