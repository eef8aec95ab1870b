"""Cohorts of subjects, for a backend that decides a surface's lane without a relay.

The rule is SQL's khala_internal.cohort; tests/fixtures/cohort_vectors.v1.json holds them together.
"""

import hashlib

COHORTS = 10_000


def cohort(surface: str, subject: str) -> int:
    """Place of a subject among `COHORTS`: a share of p percent has those below 100 * p."""
    digest = hashlib.sha256(f"{surface}:{subject}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % COHORTS
