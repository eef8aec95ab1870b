"""Every relative link of every document leads somewhere, and the index leads to every page."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[2]
SKIPPED = {".venv", ".git", "node_modules", "dist", "build", ".khala", ".cache", "site"}


def documents() -> list[Path]:
    """Every Markdown file of the checkout."""
    return sorted(
        path
        for path in ROOT.rglob("*.md")
        if not SKIPPED.intersection(path.relative_to(ROOT).parts)
    )


def tokens(document: Path) -> Iterator[Token]:
    """All tokens, those inside paragraphs and headings included."""
    for token in MarkdownIt("gfm-like", {"linkify": False}).parse(document.read_text("utf-8")):
        yield token
        yield from token.children or ()


def links(document: Path) -> list[str]:
    """Where the document's links and images lead."""
    found = []
    for token in tokens(document):
        target = token.attrGet("href") or token.attrGet("src")
        if target is not None:
            found.append(str(target))
    return found


def anchors(document: Path) -> set[str]:
    """The anchors that GitHub and its like make of the headings."""
    made: set[str] = set()
    inside = False
    for token in tokens(document):
        if token.type == "heading_open":
            inside = True
        elif token.type == "inline" and inside:
            inside = False
            text = "".join(child.content for child in token.children or ())
            slug = re.sub(r"[^\w\- ]", "", text.lower()).strip().replace(" ", "-")
            number = 1
            while (unique := slug if number == 1 else f"{slug}-{number - 1}") in made:
                number += 1
            made.add(unique)
    return made


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    broken = []
    for link in links(document):
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = (document.parent / unquote(parts.path)).resolve() if parts.path else document
        there = target.exists() and target.is_relative_to(ROOT)
        if there and parts.fragment and target.suffix == ".md":
            there = parts.fragment in anchors(target)
        if not there:
            broken.append(link)
    assert broken == []


def test_every_test_that_the_security_document_names_is_there() -> None:
    named = set()
    inside = False
    for line in (ROOT / "docs" / "explanation" / "security.md").read_text("utf-8").splitlines():
        inside = line.startswith("| attack |") or (inside and line.startswith("|"))
        if inside:
            named.update(re.findall(r"`([^`]+)`", line.rsplit("|", 2)[1]))
    assert len(named) > 10
    missing = [
        name
        for name in sorted(named)
        if not any((ROOT / "db" / "tests").rglob(name)) and not (ROOT / "tests" / name).exists()
    ]
    assert missing == []


def test_the_site_has_every_document() -> None:
    nav = (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:\n")[2]
    docs = ROOT / "docs"
    there = {str(path.relative_to(docs)) for path in docs.rglob("*.md")}
    assert set(re.findall(r"[\w/.-]+\.md\b", nav)) == there


def test_index_leads_to_every_page() -> None:
    docs = ROOT / "docs"
    linked = {(docs / urlsplit(link).path).resolve() for link in links(docs / "index.md")}
    folders = ("tutorial", "howto", "reference", "explanation")
    pages = {page for folder in folders for page in (docs / folder).rglob("*.md")}
    assert pages
    assert sorted(pages - linked) == []
