"""A few of the faults, once each; `make faults` makes many runs of all of them."""

import random
from pathlib import Path

import pytest

from faults.kinds import BY_NAME, KINDS
from faults.runner import run
from faults.stage import Stage
from support.trials.seeds import choose_seed

# Others at every run of the tests: the seed chooses. What takes long, or needs more than a server
# and a relay, is left to `make faults`.
SAMPLE = 2
ELSEWHERE = {"nothing", "sequence_row_locked"}


@pytest.mark.slow
async def test_nothing_is_lost_or_repeated_through_a_few_faults() -> None:
    seed = choose_seed()
    possible = [
        kind.name
        for kind in KINDS
        if not (kind.small_volume or kind.fake_clock or kind.own_network)
        and kind.name not in ELSEWHERE
    ]
    with Stage() as stage:
        for name in random.Random(seed).sample(possible, SAMPLE):
            outcome = await run(stage, seed, BY_NAME[name])
            assert outcome.updates > 0
            print(
                f"{name}: {outcome.commits} commits, {outcome.updates} updates delivered, the last"
                f" {outcome.delivered_s:.2f} s after the fault"
            )


def test_every_module_of_faults_is_among_the_kinds() -> None:
    names = [kind.name for kind in KINDS]
    assert len(set(names)) == len(names)
    folder = Path(__file__).with_name("kinds")
    assert sorted(names) == sorted(file.stem for file in folder.glob("[a-z]*.py"))
