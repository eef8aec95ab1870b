"""Faults as a suite: seeded runs of writers, a relay and subscribers, and one fault in each.

    python -m faults --runs 21 --seed 7         (in tests/; `make faults RUNS=21 SEED=7`)

`runner` makes one run, `kinds` has the faults, `ledger` knows what was committed, `witness` what
was delivered; `lies` tests both.
"""
