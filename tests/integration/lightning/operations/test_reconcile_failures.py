"""Every step of a reconcile that can fail, with and without a deployment before it."""

from typing import Any

import pytest

from khala_pg.lightning.operations.errors import OpsError, error_json
from khala_pg.lightning.operations.opening import opened
from khala_pg.lightning.operations.reconcile import reconcile
from support.gateway.gateway import Failure, Fault, Operation
from support.programs.operators import Mode, Operators

STEPS: dict[Operation, str] = {
    "deploy": "apply",
    "health": "health",
    "challenge": "challenge",
    "wallet": "payment",
    "proxy": "paid_proxy",
}
FAILURES: tuple[Failure, ...] = ("refuse", "unavailable", "garbage", "hang", "reset")
# A health check and a sale are their status: what stands in the response is not looked at.
UNNOTICED = {("health", "garbage"), ("proxy", "garbage")}


def stored(operator: Operators, mode: Mode = "api") -> list[Any]:
    """Deployments in the order of their creation: status, step that failed, rolledBackFrom."""
    with operator.database.connect() as connection:
        return connection.execute(
            "SELECT deployment_id, status, diagnostics ->> 'step', rolled_back_from"
            " FROM lightning.deployments ORDER BY created_at_ms, deployment_id"
        ).fetchall()


def events(operator: Operators, deployment_id: str) -> list[tuple[str, str]]:
    with operator.database.connect() as connection:
        return connection.execute(
            "SELECT event_type, level FROM lightning.gateway_events WHERE deployment_id = %s"
            " ORDER BY (metadata ->> 'step')::int",
            (deployment_id,),
        ).fetchall()


def change_price(operator: Operators, msats: int) -> None:
    with operator.database.connect() as connection:
        connection.execute(
            "SELECT lightning.change_paywall('ann', 'pw_news', %s::jsonb, NULL)",
            (f'{{"policy": {{"fixedAmountMsats": {msats}}}}}',),
        )


async def reconciled(operator: Operators, limit_s: float = 5.0) -> dict[str, Any]:
    """What a reconcile in this very process gives: as a process each would take a second."""
    async with opened("api", operator.environment, {}, limit_s) as surroundings:
        return (await reconcile(surroundings.plane, surroundings.gateway(), quiet)).json()


async def refused(operator: Operators, limit_s: float = 1.0) -> dict[str, Any]:
    with pytest.raises(OpsError) as raised:
        await reconciled(operator, limit_s)
    return error_json(raised.value)


def quiet(doing: str) -> None:
    """Progress that nobody looks at."""


@pytest.mark.parametrize("operation", STEPS)
async def test_what_fails_is_rolled_back_or_failed(
    operator: Operators, operation: Operation
) -> None:
    gateway, step = operator.gateway, STEPS[operation]
    number = 0

    # Nothing was deployed before: there is nothing to go back to.
    gateway.faults = [Fault(operation, "refuse")]
    error = await refused(operator)
    assert (error["step"], error["deploymentStatus"]) == (step, "failed")
    assert "rollback" not in gateway.requests
    assert events(operator, error["deploymentId"])[-2:] == [(step, "error"), ("failed", "error")]
    assert stored(operator) == [(error["deploymentId"], "failed", step, None)]

    gateway.faults.clear()
    gateway.history.clear()
    first = (await reconciled(operator))["deploymentId"]
    for failure in FAILURES:
        if (operation, failure) in UNNOTICED:
            continue
        number += 1
        change_price(operator, 1000 * (1 + number))
        gateway.faults = [Fault(operation, failure)]
        error = await refused(operator)
        assert (error["step"], error["deploymentStatus"]) == (step, "rolled_back"), failure
        assert error["restored"] == first
        assert gateway.active is not None
        assert gateway.active.deployment_id == first
        failed = error["deploymentId"]
        assert stored(operator)[-1] == (failed, "rolled_back", step, failed)
        assert events(operator, failed)[-3:] == [
            (step, "error"),
            ("rollback", "info"),
            ("rolled_back", "error"),
        ]
        assert gateway.ops_token not in str(error)

    # The way back fails as well.
    change_price(operator, 99_000)
    gateway.faults = [Fault(operation, "refuse"), Fault("rollback", "refuse")]
    error = await refused(operator)
    assert (error["step"], error["deploymentStatus"]) == (step, "failed")
    assert error["rollbackError"]["code"] == "gateway_refused"
    assert stored(operator)[-1] == (error["deploymentId"], "failed", step, None)
    assert ("rollback", "error") in events(operator, error["deploymentId"])

    # What failed before is deployed once the gateway works.
    gateway.faults.clear()
    done = await reconciled(operator)
    assert done["deploymentStatus"] == "applied"


async def test_faults_that_pass_are_not_noticed(operator: Operators) -> None:
    gateway = operator.gateway
    gateway.faults = [
        Fault("active", "unavailable", times=1),
        Fault("health", "refuse", times=1),
        Fault("health", "slow", times=1),
        Fault("challenge", "unavailable", times=1),
        Fault("proxy", "reset", times=1),
        Fault("deploy", "slow", times=1),
    ]
    assert (await reconciled(operator))["deploymentStatus"] == "applied"
    assert gateway.faults == []
    # A deployment is not repeated: it may have happened.
    assert gateway.requests.count("deploy") == 1
    assert gateway.requests.count("wallet") == 1


async def test_a_gateway_that_does_not_say_what_it_runs(operator: Operators) -> None:
    for failure in FAILURES:
        operator.gateway.faults = [Fault("active", failure)]
        error = await refused(operator)
        assert (error["step"], error["deploymentStatus"]) == ("active_deployment", "failed")
    assert "deploy" not in operator.gateway.requests
    assert {row[1] for row in stored(operator)} == {"failed"}


async def test_a_deployment_in_force_that_does_not_sell_stays(operator: Operators) -> None:
    first = await reconciled(operator)
    operator.gateway.faults = [Fault("challenge", "refuse")]
    error = await refused(operator)
    assert (error["step"], error["deploymentId"]) == ("challenge", first["deploymentId"])
    assert "rollback" not in operator.gateway.requests
    assert [row[1] for row in stored(operator)] == ["applied"]
    assert ("challenge", "error") in events(operator, first["deploymentId"])


async def test_a_run_that_was_cut_short_is_taken_up(operator: Operators) -> None:
    """The gateway has the deployment, the control plane does not know that it is applied."""
    first = await reconciled(operator)
    with operator.database.connect() as connection:
        connection.execute(
            "UPDATE lightning.deployments SET status = 'pending', applied_at_ms = NULL"
        )
    again = await reconciled(operator)
    assert (again["deploymentId"], again["changed"]) == (first["deploymentId"], False)
    assert [row[:2] for row in stored(operator)] == [(first["deploymentId"], "applied")]


async def test_paywalls_that_do_not_compile(operator: Operators) -> None:
    with operator.database.connect() as connection:
        connection.execute("UPDATE lightning.routes SET path_pattern = '/same/*', priority = 1")
    compiled = (await operator.run("compile")).error
    assert compiled["code"] == "compile_failed"
    assert [each["code"] for each in compiled["diagnostics"]] == ["duplicate_route"]
    error = await refused(operator)
    assert error["diagnostics"] == compiled["diagnostics"]
    assert operator.gateway.requests == []
    assert [row[:2] for row in stored(operator)] == [(error["deploymentId"], "failed")]
    assert events(operator, error["deploymentId"]) == [("compile", "error")]


async def test_more_diagnostics_than_a_call_may_hold(operator: Operators) -> None:
    with operator.database.connect() as connection:
        connection.execute(
            "INSERT INTO lightning.routes"
            " SELECT 'rt_' || n, 'pw_news', 'ann', 'h.example', '/' || repeat('x', 1900) || n,"
            " 'nowhere', 'https', 0, n, 0, 0 FROM generate_series(1, 200) AS n"
        )
    error = await refused(operator)
    assert error["code"] == "compile_failed"
    assert [row[:2] for row in stored(operator)] == [(error["deploymentId"], "failed")]


async def test_nothing_is_deployed_during_a_pause(operator: Operators) -> None:
    pause = "lightning/security:setGlobalPause"
    assert (await operator.plane.mutate(pause, active=True)).status_code == 200
    for words in (("reconcile",), ("smoke", "staging"), ("smoke", "security")):
        assert (await operator.run(*words)).error["code"] == "global_pause_active"
    assert operator.gateway.requests == []
    with operator.database.connect() as connection:
        row = connection.execute("SELECT global_pause FROM lightning.security_global").fetchone()
    assert row == (True,)


async def test_an_archived_history_is_no_reason_to_roll_back(operator: Operators) -> None:
    """Events that are refused leave a gap in the history; the deployment stays."""
    with operator.database.connect() as connection:
        connection.execute(
            "CREATE FUNCTION lightning.tests_refuse() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'KH020'; END $$;"
            " CREATE TRIGGER refuse BEFORE INSERT ON lightning.gateway_events"
            " EXECUTE FUNCTION lightning.tests_refuse()"
        )
    error = await refused(operator)
    assert (error["code"], error["deploymentStatus"]) == ("events_not_recorded", "applied")
    assert [row[1] for row in stored(operator)] == ["applied"]
    assert "rollback" not in operator.gateway.requests
