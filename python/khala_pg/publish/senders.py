"""Senders by kind of publisher."""

from collections.abc import Mapping

from khala_pg.errors import UsageError
from khala_pg.publish.http import Http
from khala_pg.publish.worker import Deliver


def check(kind: str, environment: Mapping[str, str]) -> None:
    """Raises UsageError when `sender` would: before anything is stored for a publisher."""
    match kind:
        case "convex":
            from khala_pg.publish.convex import authorization

            authorization(environment)
        case "webhook":
            from khala_pg.publish.webhook import signer

            signer(environment)


def sender(kind: str, http: Http, url: str, environment: Mapping[str, str]) -> Deliver:
    """What delivers an update. Raises UsageError when a package or a credential is missing."""
    # Each at its use: the other's package may not be installed.
    match kind:
        case "convex":
            from khala_pg.publish.convex import Convex

            return Convex(http, url, environment).deliver
        case "webhook":
            from khala_pg.publish.webhook import Webhooks

            return Webhooks(http, url, environment).deliver
    raise UsageError(f"this khala-pg cannot publish to {kind}", "Install a newer one.")
