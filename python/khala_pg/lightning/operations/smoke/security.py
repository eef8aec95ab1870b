"""`smoke security`: pause, kill switch and credential roles, and everything as before afterwards.

The gateway is paused for as long as the check takes. Who has paused it, or rotates the credential,
is not disturbed: the check then refuses to begin.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from khala_pg.lightning.operations.control_plane import ControlPlane
from khala_pg.lightning.operations.errors import OpsError
from khala_pg.lightning.operations.gate import deny_reason
from khala_pg.lightning.operations.progress import Say
from khala_pg.lightning.operations.smoke.checks import expect
from khala_pg.lightning.operations.smoke.paywalls import OWNER

_BY = "khala lightning smoke security"
_REASON = "A smoke check: it ends within seconds."
_ROLE = "settlement_read"


async def run(plane: ControlPlane, credentials: Mapping[str, str], say: Say) -> dict[str, Any]:
    """The result of the check. Raises OpsError."""
    fingerprints = {role: _fingerprint(value) for role, value in credentials.items()}
    say("reading the security state")
    before = await plane.security_state()
    role = next((each for each in before["credentialRoles"] if each["role"] == _ROLE), None)
    _refuse_to_disturb(before, role)
    paused = await _check_pause(plane, say)
    killed = await _check_kill_switch(plane, say)
    versions = await _check_role(plane, role, fingerprints[_ROLE], say)
    after = await plane.security_state()
    expect(deny_reason(after, OWNER) is None, "nothing denies when the check is over")
    return {
        "denied": {"globalPause": paused, "ownerKillSwitch": killed},
        "allowedAfterwards": True,
        "role": {"role": _ROLE, **versions},
        "fingerprints": fingerprints,
    }


def _refuse_to_disturb(state: Mapping[str, Any], role: Mapping[str, Any] | None) -> None:
    reason = deny_reason(state, OWNER)
    if reason is not None:
        raise OpsError(
            reason,
            f"{reason} before the check: it would end what somebody else has switched on",
            "Run it when the gateway is not paused and the switch of owner smoke is off.",
        )
    if role is not None and role["status"] == "rotating":
        raise OpsError(
            "rotation_under_way",
            f"the credential of {_ROLE} is being rotated: the check would end that",
            "Activate or revoke it first.",
        )


async def _check_pause(plane: ControlPlane, say: Say) -> str:
    say("pausing the gateway")
    try:
        paused = await plane.set_global_pause(active=True, reason=_REASON, updatedBy=_BY)
        code = deny_reason(await plane.security_state(), OWNER)
        expect(code == "global_pause_active", "the gate denies during a pause", denyReason=code)
        expect(paused.get("denyReason") == _REASON, "the pause has its reason")
    finally:
        say("ending the pause")
        resumed = await _resume(plane)
    expect(
        "denyReason" not in resumed and "denyReasonCode" not in resumed,
        "the end of a pause clears code and reason",
    )
    code = deny_reason(await plane.security_state(), OWNER)
    expect(code is None, "the gate allows after a pause", denyReason=code)
    return "global_pause_active"


async def _resume(plane: ControlPlane) -> dict[str, Any]:
    try:
        return await plane.set_global_pause(active=False, updatedBy=_BY)
    except OpsError as error:
        raise OpsError(
            "pause_left_on",
            f"the gateway is still paused: {error}",
            "End the pause with lightning/security:setGlobalPause, active false.",
        ) from error


async def _check_kill_switch(plane: ControlPlane, say: Say) -> str:
    say("switching owner smoke off")
    try:
        await plane.set_owner_kill_switch(ownerId=OWNER, active=True, reason=_REASON, updatedBy=_BY)
        state = await plane.security_state()
        code = deny_reason(state, OWNER)
        expect(code == "owner_kill_switch_active", "the gate denies that owner", denyReason=code)
        other = deny_reason(state, f"{OWNER}-another")
        expect(other is None, "the gate allows other owners", denyReason=other)
    finally:
        say("switching owner smoke on")
        await plane.set_owner_kill_switch(ownerId=OWNER, active=False, updatedBy=_BY)
    code = deny_reason(await plane.security_state(), OWNER)
    expect(code is None, "the gate allows that owner again", denyReason=code)
    return "owner_kill_switch_active"


async def _check_role(
    plane: ControlPlane, before: Mapping[str, Any] | None, fingerprint: str, say: Say
) -> dict[str, Any]:
    say(f"rotating, activating and revoking the credential of {_ROLE}")
    version = 0 if before is None else int(before["version"])
    note = "smoke check"
    try:
        rotated = await plane.change_role("rotate", role=_ROLE, fingerprint=fingerprint, note=note)
        expect(
            _state(rotated) == ("rotating", version + 1)
            and rotated.get("fingerprint") == fingerprint,
            "a rotation has the next version and the new fingerprint",
            role=rotated,
        )
        active = await plane.change_role("activate", role=_ROLE, note=note)
        expect(
            _state(active) == ("active", version + 1), "activation keeps the version", role=active
        )
        revoked = await plane.change_role("revoke", role=_ROLE, note=note)
        expect(
            _state(revoked) == ("revoked", version + 1),
            "revocation keeps the version",
            role=revoked,
        )
    finally:
        # A role that nobody used before is left revoked.
        if before is not None and before["status"] == "active":
            say("putting the credential in force again")
            last = await plane.change_role(
                "activate",
                role=_ROLE,
                fingerprint=before.get("fingerprint"),
                note=before.get("note"),
            )
        else:
            last = await plane.change_role("revoke", role=_ROLE, note=note)
    return {"versionBefore": version, "version": last["version"], "status": last["status"]}


def _state(role: Mapping[str, Any]) -> tuple[str, int]:
    return role["status"], role["version"]


def _fingerprint(credential: str) -> str:
    return f"sha256:{hashlib.sha256(credential.encode()).hexdigest()[:16]}"
