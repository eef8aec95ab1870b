"""Payments of the Lightning drill: batches of lines that both control planes are fed with.

A batch is repeated until the program says that all of it is done, as operators are told to do.
"""

import asyncio
import json
import random
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from drills.lanes import OWNER, Lane, batch_file

_PAYMENTS = 10
_BACK_OFF_S = 1.0
_MOST_AHEAD = 3


@dataclass
class Batches:
    """Batches, made at a pace, as long as `hold` is set.

    payments: settlements that every lane must hold at the end; refused: lines of each batch with a
    wrong proof.
    """

    folder: Path
    seed: int
    pace_s: float
    made: int = 0
    payments: set[str] = field(default_factory=set)
    refused: dict[int, int] = field(default_factory=dict)
    is_over: bool = False
    feeders: "list[Feeder]" = field(default_factory=list)
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    _more: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def run(self) -> None:
        """Makes batches until the end."""
        rng = random.Random(self.seed)
        self.hold.set()
        while not self.is_over:
            await self.hold.wait()
            # No faster than the faster lane takes them.
            if self.made - max(each.fed for each in self.feeders) < _MOST_AHEAD:
                await self._make(rng)
            await asyncio.sleep(self.pace_s)  # the pace of a gateway that exports

    async def stop(self) -> None:
        """No further batch; feeders end when they have fed the last one."""
        async with self._more:
            self.is_over = True
            self._more.notify_all()

    def all(self) -> Path:
        """One file with the lines of every batch."""
        file = self.folder / "all.jsonl"
        with file.open("w") as lines:
            for number in range(1, self.made + 1):
                lines.write(batch_file(self.folder, number).read_text())
        return file

    async def wait_for(self, number: int) -> bool:
        """Whether there is a batch with this number, or there will be none."""
        async with self._more:
            await self._more.wait_for(lambda: self.made >= number or self.is_over)
            return self.made >= number

    async def _make(self, rng: random.Random) -> None:
        number = self.made + 1
        lines: list[dict[str, object]] = []
        refused = 0
        for n in range(_PAYMENTS):
            name = f"{number}-{n}"
            preimage = rng.randbytes(32).hex()
            whose: dict[str, object] = {
                **{"paywallId": rng.choice(["pw_news", "pw_weather"]), "ownerId": OWNER},
                **{"invoiceId": f"inv_{name}", "amountMsats": rng.randint(1, 9) * 1000},
            }
            opened = {
                **{**whose, "status": "open"},
                "paymentHash": sha256(bytes.fromhex(preimage)).hexdigest(),
            }
            lines.append(opened)
            settlement = {
                **{**whose, "settlementId": f"set_{name}", "metadata": rng.choice([0, "x", [n]])},
                **{"paymentProofType": "lightning_preimage", "paymentProofValue": preimage},
            }
            chance = rng.random()
            if chance < 0.1:
                lines.append({**settlement, "paymentProofValue": rng.randbytes(32).hex()})
                refused += 1
            if chance < 0.2:
                lines.append({**opened, "status": rng.choice(["canceled", "expired"])})
            if chance < 0.9:
                lines.append(settlement)
                self.payments.add(f"set_{name}")
        text = "".join(json.dumps(line) + "\n" for line in lines)
        batch_file(self.folder, number).write_text(text)
        async with self._more:
            self.refused[number] = refused
            self.made = number
            self._more.notify_all()


@dataclass
class Feeder:
    """Feeds one lane. fed: batches that are done; repeats: attempts that were cut short."""

    lane: Lane
    batches: Batches
    fed: int = 0
    repeats: int = 0
    errors: dict[str, int] = field(default_factory=dict)

    async def run(self) -> None:
        """Every batch in its order, until the last one."""
        while await self.batches.wait_for(self.fed + 1):
            await self.feed(self.fed + 1)
            self.fed += 1

    async def feed(self, number: int) -> dict[str, int]:
        """Feeds a batch until it is done; what the program counted."""
        file = str(batch_file(self.batches.folder, number))
        while True:
            result = await self.lane.run("settlements", "ingest", file)
            counts = result if result["ok"] else result["error"]
            if result["ok"]:
                assert self.batches.refused[number] == 0, f"batch {number}: nothing is refused"
                return counts
            if counts["code"] == "records_refused":
                assert counts["refusedCount"] == self.batches.refused[number], counts
                return counts
            self.repeats += 1
            self.errors[counts["code"]] = self.errors.get(counts["code"], 0) + 1
            await asyncio.sleep(_BACK_OFF_S)  # back-off while the lane is away
