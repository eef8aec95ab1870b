"""A few of the faults, once each; `make faults` makes many runs of all of them."""

from pathlib import Path

import pytest

from faults.kinds import BY_NAME, KINDS
from faults.runner import run
from faults.stage import Stage
from support.seeds import choose_seed

SHORT = ("read_only", "network_reset", "crash_before_notify")


@pytest.mark.slow
async def test_nothing_is_lost_or_repeated_through_a_few_faults() -> None:
    seed = choose_seed()
    with Stage() as stage:
        for name in SHORT:
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
