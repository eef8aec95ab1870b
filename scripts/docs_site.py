#!/usr/bin/env python3
"""Build the documentation site, with llms.txt, from docs/ and the files that it links to.

    scripts/docs_site.py FOLDER    write the site into FOLDER

Documents link to files outside docs/ by their relative path in the repository. The site has a page
for each of those files, and for what their own documents link to, under `source/`; links are
rewritten to it, so one link works in both places. Warnings, broken links among them, are errors.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
SOURCE = "source"
LINK = re.compile(r"(\]\()([^)\s#]+)((?:#[^)\s]*)?\))")
# Words after the language are for tests (tests/support/documents/spoken_document.py).
FENCE_WORDS = re.compile(r"^(```\w+) .*$", re.MULTILINE)
COPIED = {".md", ".png", ".svg"}
LANGUAGES = {".py": "python", ".ts": "typescript", ".yml": "yaml", ".mjs": "js"}


def place(path: Path) -> Path:
    """Where the site's sources have a file or folder of the repository."""
    if path.is_relative_to(DOCS) and path.is_file():
        return path.relative_to(DOCS)
    inside = SOURCE / path.relative_to(ROOT)
    if path.is_dir():
        return inside / ("README.md" if (path / "README.md").exists() else "index.md")
    return inside if path.suffix in COPIED else inside.with_name(f"{path.name}.md")


def targets(document: Path, text: str) -> Iterator[tuple[re.Match[str], Path]]:
    """Links of a document to files of the repository, each with where it leads."""
    for link in LINK.finditer(text):
        target = Path(os.path.normpath(document.parent / link[2]))
        if ":" not in link[2] and target.is_relative_to(ROOT) and target.exists():
            yield link, target


def rewritten(document: Path, text: str) -> str:
    """The document with its links leading to where the site has what they name."""
    start = place(document).parent
    pieces, end = [], 0
    for link, target in targets(document, text):
        to = os.path.relpath(place(target), start)
        pieces += [text[end : link.start()], link[1], to, link[3]]
        end = link.end()
    return FENCE_WORDS.sub(r"\1", "".join([*pieces, text[end:]]))


def shown(path: Path) -> str:
    """Markdown for a file or folder that is no document."""
    name = path.relative_to(ROOT)
    if path.is_dir():
        entries = sorted(entry.name + "/" * entry.is_dir() for entry in path.iterdir())
        listed = "\n".join(f"- `{entry}`" for entry in entries if entry[0] not in "._")
        return f"# `{name}/`\n\n{listed}\n"
    language = LANGUAGES.get(path.suffix, path.suffix.removeprefix("."))
    return f"# `{name}`\n\n~~~~~~ {language}\n{path.read_text('utf-8')}\n~~~~~~\n"


def stage(folder: Path) -> None:
    """Writes the site's sources: docs/, and a page for each file outside that is linked."""
    waiting = [path for path in DOCS.rglob("*") if path.is_file()]
    while waiting:
        path = waiting.pop()
        staged = folder / place(path)
        if staged.exists():
            continue
        staged.parent.mkdir(parents=True, exist_ok=True)
        document = path / "README.md" if (path / "README.md").exists() else path
        if document.suffix == ".md":
            text = document.read_text("utf-8")
            staged.write_text(rewritten(document, text), "utf-8")
            waiting += [target for _, target in targets(document, text)]
        elif path.is_file() and (path.is_relative_to(DOCS) or path.suffix in COPIED):
            shutil.copyfile(path, staged)
        else:
            staged.write_text(f"---\nsearch:\n  exclude: true\n---\n\n{shown(path)}", "utf-8")


def summary(markdown: str) -> str:
    """First sentence below a page's title, on one line."""
    paragraph = next(block for block in markdown.split("\n\n") if not block.startswith(("#", "!")))
    plain = re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", " ".join(paragraph.split()))
    return re.split(r"(?<=[.:])\s", plain)[0].rstrip(":")


def pages(nav: list[Any], section: str = "") -> Iterator[tuple[str, str]]:
    """Section and source of each page, in the order of the navigation."""
    for entry in nav:
        if isinstance(entry, str):
            yield section, entry
            continue
        for title, inside in entry.items():
            yield from pages(inside, title) if isinstance(inside, list) else [(section, inside)]


def write_for_models(configuration: dict[str, Any], staged: Path, site: Path) -> None:
    """Writes each page's Markdown beside its HTML, llms.txt and llms-full.txt (llmstxt.org)."""
    for source in staged.rglob("*.md"):
        copy = site / source.relative_to(staged)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
    index = [f"# {configuration['site_name']}", "", f"> {configuration['site_description']}"]
    full, current = [], ""
    for section, page in pages(configuration["nav"]):
        text = (staged / page).read_text("utf-8")
        if section != current:
            index += ["", f"## {section}", ""]
            current = section
        title = text.partition("\n")[0].removeprefix("# ")
        index.append(f"- [{title}]({page}): {summary(text)}")
        full.append(f"<!-- {page} -->\n\n{text.strip()}\n")
    (site / "llms.txt").write_text("\n".join(index) + "\n", "utf-8")
    (site / "llms-full.txt").write_text("\n".join(full), "utf-8")


def build(site: Path) -> None:
    """Builds the whole site; raises CalledProcessError where the generator complains."""
    configuration = (ROOT / "mkdocs.yml").read_text("utf-8")
    with tempfile.TemporaryDirectory() as made:
        work = Path(made)
        (work / "mkdocs.yml").write_text(configuration, "utf-8")
        stage(work / "docs")
        generator = Path(sys.executable).with_name("zensical")
        subprocess.run([generator, "build", "--strict"], cwd=work, check=True)
        write_for_models(yaml.safe_load(configuration), work / "docs", work / "site")
        shutil.rmtree(site, ignore_errors=True)
        shutil.copytree(work / "site", site)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Build the documentation site.")
    parser.add_argument("folder", type=Path, help="written anew, whatever is in it: site")
    try:
        build(parser.parse_args().folder.resolve())
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
