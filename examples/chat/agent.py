"""The agent: looks for the words of a question in the documentation of Khala, and answers with the
paragraph that has most of them. Put yours here; Khala sees only what it prints, and how it ends."""

import os
import re
import sys
import time
from collections.abc import Iterator

import psycopg

from examples.chat.messages import post
from examples.stage import ROOT


def main(team: str, run_id: str, question: str) -> int:
    """Answers a question; 1 when it cannot."""
    words = set(re.findall(r"\w{4,}", question.lower()))
    best, answer = 0, ""
    for name, paragraph in paragraphs():
        found = sum(word in paragraph.lower() for word in words)
        if found > best:
            best, answer = found, f"{paragraph}\n\n({name})"
            print(f"{name} has {found} of {len(words)} words", flush=True)
    if not best:
        print("none of the words is in the documentation", flush=True)
        return 1
    with psycopg.connect(os.environ["KHALA_DATABASE_URL"], autocommit=True) as database:
        post(database, team, {"author": "agent", "text": answer, "run_id": run_id})
    return 0


def paragraphs() -> Iterator[tuple[str, str]]:
    """Sentences of each document, which are read slowly enough to be watched."""
    for file in sorted((ROOT / "docs").rglob("*.md")):
        print(f"reading {file.name}", flush=True)
        time.sleep(0.1)
        for paragraph in file.read_text("utf-8").split("\n\n"):
            if paragraph[:1].isalpha():
                yield file.name, paragraph


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
