"""Delivery as webhooks, signed as https://www.standardwebhooks.com describes."""

import binascii
import json
from collections.abc import Mapping
from datetime import UTC, datetime

from khala_pg.errors import UsageError
from khala_pg.publish.http import Http
from khala_pg.publish.results import DELIVERED, Result, is_transient, retry_after_s
from khala_pg.sqlapi.publish import Update

try:
    from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook
except ImportError:
    raise UsageError(
        "the signer of webhooks is not installed",
        "Install it with: pip install 'khala-pg[webhook]'.",
    ) from None

SECRET = "KHALA_PUBLISH_WEBHOOK_SECRET"  # noqa: S105 - the name of a variable

_MAX_SHOWN = 200


class Webhooks:
    """Sender of signed events."""

    def __init__(self, http: Http, url: str, environment: Mapping[str, str]) -> None:
        """Raises UsageError when the environment has no secret."""
        self._http = http
        self._url = url
        self._signer = signer(environment)

    async def deliver(self, update: Update) -> Result:
        """The result of one try."""
        body = event(update)
        now = datetime.now(UTC)
        headers = {
            "Content-Type": "application/json",
            "webhook-id": update.id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signer.sign(update.id, now, body),
        }
        response = await self._http.post(self._url, body.encode(), headers)
        if isinstance(response, Result):
            return response
        if 200 <= response.status < 300:
            return DELIVERED
        shown = response.body[:_MAX_SHOWN].decode(errors="replace")
        said = f"HTTP {response.status}: {shown}" if shown else f"HTTP {response.status}"
        if 400 <= response.status < 500 and not is_transient(response.status):
            return Result("refused", said)
        return Result("failed", said, retry_after_s(response.retry_after))


def event(update: Update) -> str:
    """The body of an event."""
    data = {
        "topic": update.topic,
        "doc_key": update.doc_key,
        "doc_version": update.doc_version,
        "watermark": update.watermark,
        "org_id": update.org_id,
        "deleted": update.deleted,
        # The version is not stored any more: its receiver reads the document.
        "hydration_required": update.payload is None and not update.deleted,
        "payload": update.payload,
    }
    return json.dumps(
        {"type": update.target, "timestamp": update.written_at, "data": data}, ensure_ascii=False
    )


def signer(environment: Mapping[str, str]) -> Webhook:
    """Signer with the secret that the environment has. Raises UsageError for none."""
    secret = environment.get(SECRET)
    hint = f"Set {SECRET} to whsec_ and 24 to 64 random bytes in base64."
    if not secret:
        raise UsageError("the environment has no secret to sign webhooks with", hint)
    try:
        return Webhook(secret)
    except (binascii.Error, ValueError, EmptyWebhookSecretError):
        raise UsageError(f"{SECRET} is not a secret of Standard Webhooks", hint) from None
