"""What a smoke check expected and did not find."""

from typing import Any

from khala_pg.lightning.operations.errors import OpsError


def expect(holds: bool, check: str, **found: Any) -> None:
    """Raises OpsError unless the condition holds. check: what was to be true."""
    if not holds:
        raise OpsError(
            "smoke_failed",
            f"it does not hold that {check}",
            "See docs/howto/lightning-operations.md for what each check shows.",
            check=check,
            found=found,
        )
