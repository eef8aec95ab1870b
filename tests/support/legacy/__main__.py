"""The stand-in as a process of its own: says its URL, and answers each line with its state.

python -m support.legacy            (in tests/)
"""

import asyncio
import json
import sys
from typing import Any

from support.legacy.backend import LegacyBackend
from support.legacy.server import serving


def state(backend: LegacyBackend) -> dict[str, Any]:
    """Numbers of documents and upserts, and the documents whose versions went back."""
    return {
        "documents": {table: len(held) for table, held in backend.tables.items()},
        "upserts": len(backend.upserts),
        "gone_back": backend.gone_back(),
    }


async def main() -> None:
    backend = LegacyBackend()
    async with serving(backend) as url:
        print(json.dumps({"url": url, "admin_key": backend.admin_key}), flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(state(backend)), flush=True)


asyncio.run(main())
