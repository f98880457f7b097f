"""Makes webhook endpoints and derives their secrets."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy.orm import Session

from models.base import new_id
from models.webhook_endpoint import WebhookEndpoint
from reelqueue.webhooks import SECRET_PREFIX


def make_endpoint(
    session: Session, tenant_id: UUID, url: str, key: SecretStr, *, now: datetime
) -> tuple[WebhookEndpoint, SecretStr]:
    """A new endpoint and its secret, which cannot be asked for again.

    Args:
        session: In a transaction; the caller commits.
        tenant_id: Whose jobs it is told about.
        url: A checked one.
        key: ``REELQUEUE_WEBHOOK_KEY``.
        now: The time.
    """
    endpoint_id = new_id()
    secret = derive_secret(key, endpoint_id)
    endpoint = WebhookEndpoint(
        id=endpoint_id,
        tenant_id=tenant_id,
        url=url,
        secret_sha256=secret_sha256(secret),
        created_at=now,
        open_since=now,
    )
    session.add(endpoint)
    session.flush()
    return endpoint, secret


def derive_secret(key: SecretStr, endpoint_id: UUID) -> SecretStr:
    """An endpoint's secret: from the server's key, so that the database alone opens nothing.

    Args:
        key: ``REELQUEUE_WEBHOOK_KEY``.
        endpoint_id: Whose; ids are never used twice.
    """
    derived = hmac.digest(key.get_secret_value().encode(), b"webhook endpoint " + endpoint_id.bytes, hashlib.sha256)
    return SecretStr(SECRET_PREFIX + base64.b64encode(derived).decode())


def secret_sha256(secret: SecretStr) -> str:
    """What is stored of a secret; it has 256 bits, so it cannot be found from this."""
    return hashlib.sha256(secret.get_secret_value().encode()).hexdigest()
