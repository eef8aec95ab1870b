"""Revocations as they are read from one database, and then from another."""

from khala_pg.auth.revocations import Revocation, Revocations


def test_numbers_go_on_from_those_of_the_last_database() -> None:
    revocations = Revocations()
    revocations.take([Revocation(7, "sub", "ann", 100.0)], everything=True)
    # A copy from before, which was asked for what is above 7.
    revocations.take(
        [Revocation(2, "sub", "bob", 100.0), Revocation(3, "org", "acme", 100.0)], everything=False
    )
    assert revocations.seen == 3
    revocations.take([], everything=False)
    assert revocations.seen == 3
