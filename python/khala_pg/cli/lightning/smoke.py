"""`khala lightning smoke`: checks that an operator runs before and after a change."""

from typing import Any

import typer

from khala_pg.cli.lightning.programs import AsJson, ModeOption, Program, TimeLimit, out, run
from khala_pg.lightning.operations.opening import Surroundings
from khala_pg.lightning.operations.progress import Say

# A relay is joined and caught up with before anything can be seen, which are several calls.
_LIVE = 3

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.callback()
def group() -> None:
    """Checks of the control plane and the gateway, to run before and after a change.

    Most use two paywalls, pw_news (priority 10) and pw_weather (priority 20). With an owner's key
    in OA_LIGHTNING_OPS_OWNER_KEY they are made where they are missing.
    """


@app.command("compile", cls=Program)
def compile_command(
    mode: ModeOption = None, as_json: AsJson = False, timeout: TimeLimit = 10.0
) -> None:
    """Compile the two paywalls: their order is right, the hash is the same however they come.

    Records one deployment intent, the same one in every run.

    Examples:

        khala lightning smoke compile

        khala lightning smoke compile --mode mock --json
    """

    async def work(surroundings: Surroundings, say: Say) -> dict[str, Any]:
        from khala_pg.lightning.operations.smoke import compile

        return await compile.run(surroundings.plane, surroundings.owner, say)

    def show(result: dict[str, Any]) -> None:
        out(f"passed: {result['ruleCount']} rules, always {result['configHash']}")

    run(mode, as_json, timeout, work, show)


@app.command("security", cls=Program)
def security_command(
    mode: ModeOption = None, as_json: AsJson = False, timeout: TimeLimit = 10.0
) -> None:
    """Pause the gateway, switch an owner off, rotate a credential; all is as before afterwards.

    THE GATEWAY IS PAUSED for the seconds that it takes. It refuses to begin during a pause of
    somebody else, and while the credential settlement_read is being rotated. The credentials
    OA_LIGHTNING_OPS_CRED_GATEWAY_INVOICE, _CRED_SETTLEMENT_READ and _CRED_OPERATOR_ADMIN are
    required: at least 16 characters, without white space. Only their fingerprints are sent.

    Examples:

        khala lightning smoke security --json
    """

    async def work(surroundings: Surroundings, say: Say) -> dict[str, Any]:
        from khala_pg.lightning.operations.smoke import security

        return await security.run(surroundings.plane, surroundings.credentials(), say)

    def show(result: dict[str, Any]) -> None:
        role = result["role"]
        out(
            f"passed: {' and '.join(result['denied'].values())} deny, and end; "
            f"{role['role']} is {role['status']} with version {role['version']}"
        )

    run(mode, as_json, timeout, work, show)


@app.command("settlement", cls=Program)
def settlement_command(
    mode: ModeOption = None, as_json: AsJson = False, timeout: TimeLimit = 10.0
) -> None:
    """Record an invoice and its settlement of pw_news; repeating it changes nothing.

    Identifiers and proof are the same in every run: a second run answers "existed": true.

    Examples:

        khala lightning smoke settlement --json | jq .existed
    """

    async def work(surroundings: Surroundings, say: Say) -> dict[str, Any]:
        from khala_pg.lightning.operations.smoke import settlement

        return await settlement.run(surroundings.plane, surroundings.owner, say)

    def show(result: dict[str, Any]) -> None:
        known = "known before" if result["existed"] else "new"
        out(
            f"passed: settlement {result['settlementId']} is {known}, invoice "
            f"{result['invoiceId']} is {result['invoiceStatus']}"
        )

    run(mode, as_json, timeout, work, show)


@app.command("staging", cls=Program)
def staging_command(
    mode: ModeOption = None, as_json: AsJson = False, timeout: TimeLimit = 10.0
) -> None:
    """Reconcile with the gateway, and see that a second time deploys nothing.

    Needs what `khala lightning reconcile` needs.

    Examples:

        khala lightning smoke staging --json
    """

    async def work(surroundings: Surroundings, say: Say) -> dict[str, Any]:
        from khala_pg.lightning.operations.smoke import staging

        gateway = surroundings.gateway()
        return await staging.run(surroundings.plane, gateway, surroundings.owner, say)

    def show(result: dict[str, Any]) -> None:
        out(
            f"passed: deployment {result['deploymentId']} is {result['deploymentStatus']}, and a "
            "second run deployed nothing"
        )

    run(mode, as_json, timeout, work, show)


@app.command("observability", cls=Program)
def observability_command(
    mode: ModeOption = None, as_json: AsJson = False, timeout: TimeLimit = 10.0
) -> None:
    """Print the records of a small flow: each has all fields, null where nothing is known.

    Examples:

        khala lightning smoke observability --json | jq '.records[]'
    """

    async def work(surroundings: Surroundings, say: Say) -> dict[str, Any]:
        from khala_pg.lightning.operations.smoke import observability

        return await observability.run(surroundings.plane, surroundings.owner, say)

    def show(result: dict[str, Any]) -> None:
        out(
            f"passed: {result['recordCount']} records, each with all {len(result['fields'])} fields"
        )

    run(mode, as_json, timeout, work, show)


@app.command("full-flow", cls=Program)
def full_flow_command(
    mode: ModeOption = None, as_json: AsJson = False, timeout: TimeLimit = 10.0
) -> None:
    """Deploy, request, pay and settle, and see the settlement come live.

    Needs what `khala lightning reconcile` needs, and a wallet in OA_LIGHTNING_OPS_WALLET_URL, which
    pays the price of OA_LIGHTNING_OPS_CHALLENGE_URL for real: let that be a route of pw_news. In
    mode api the settlement is followed over the WebSocket of a relay: KHALA_WS_URL, KHALA_HTTP_URL
    and KHALA_TOKEN, or a running `khala dev`.

    Examples:

        khala lightning smoke full-flow --json
    """

    async def work(surroundings: Surroundings, say: Say) -> dict[str, Any]:
        from khala_pg.cli.watch.source import Source
        from khala_pg.lightning.operations.live import TOPIC
        from khala_pg.lightning.operations.smoke import full_flow

        gateway = surroundings.gateway()
        endpoint = None
        if surroundings.mode == "api":
            endpoint = Source(None, None, None, [TOPIC]).endpoint
        return await full_flow.run(
            surroundings.plane, gateway, surroundings.owner, endpoint, _LIVE * timeout, say
        )

    def show(result: dict[str, Any]) -> None:
        seen = "" if result["live"] is None else ", and seen live"
        out(
            f"passed: {result['configHash']} sold a request of {result['paywallId']}; settlement "
            f"{result['settlementId']} is recorded{seen}"
        )

    run(mode, as_json, timeout, work, show)
