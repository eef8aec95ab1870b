"""Environment variables of the control plane."""

from collections.abc import Mapping

SECRET = "OA_LIGHTNING_OPS_SECRET"  # noqa: S105 - the name of a variable


def ops_secret(environment: Mapping[str, str]) -> str | None:
    """The operators' secret that an environment holds; None where it is blank or not set."""
    return environment.get(SECRET, "").strip() or None
