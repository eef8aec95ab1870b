"""Whether the security state of the control plane lets an owner sell."""

from collections.abc import Mapping
from typing import Any


def deny_reason(state: Mapping[str, Any], owner_id: str | None) -> str | None:
    """The code of what denies: the pause of the gateway before the switch of the owner; or None."""
    if state["global"].get("globalPause"):
        return str(state["global"].get("denyReasonCode", ""))
    for control in state["ownerControls"]:
        if control.get("ownerId") == owner_id and control.get("killSwitch"):
            return str(control.get("denyReasonCode", ""))
    return None
