"""The symmetric signature of the Standard Webhooks specification (version 1.0, read 2026-11)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import ValidationError

from reelqueue.errors import ConfigurationError, ReelqueueError
from reelqueue.webhooks._events import WebhookEvent

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what every secret begins with
TOLERANCE_SECONDS: Final = 300.0
_LEAST_SECRET_BYTES: Final = 24
_VERSION: Final = "v1"


class WebhookVerificationError(ReelqueueError):
    """A message does not come from the sender that shares the secret, or not now; do nothing it says."""


def sign(message_id: str, timestamp_seconds: int, body: bytes, secret: str) -> str:
    """The signature of a message, as it stands in ``webhook-signature``.

    Args:
        message_id: The ``webhook-id``.
        timestamp_seconds: The ``webhook-timestamp``: Unix time of this sending.
        body: The exact bytes of the body.
        secret: ``whsec_`` and base64.

    Raises:
        ConfigurationError: *secret* is none.
    """
    signed = b".".join((message_id.encode(), str(timestamp_seconds).encode(), body))
    digest = hmac.digest(_key(secret), signed, hashlib.sha256)
    return f"{_VERSION},{base64.b64encode(digest).decode()}"


def verify(
    body: bytes,
    headers: Mapping[str, str],
    secret: str | Sequence[str],
    *,
    tolerance_seconds: float = TOLERANCE_SECONDS,
    now_seconds: float | None = None,
) -> WebhookEvent:
    """Check that a message was signed with the secret a short while ago, and read it.

    A message that is recorded and sent again within the tolerance passes: tell it by its
    :attr:`~reelqueue.webhooks.WebhookEvent.id`, as you tell repeated deliveries.

    Args:
        body: The exact bytes that arrived; not parsed and written again.
        headers: Of the request; their case does not matter.
        secret: The endpoint's, or several while one replaces another.
        tolerance_seconds: How far apart the sender's clock and this one's may be.
        now_seconds: Unix time; this machine's, unless given.

    Raises:
        WebhookVerificationError: Anything but a message of the sender's from now.
        ConfigurationError: *secret* is none.
    """
    given = {name.lower(): value for name, value in headers.items()}
    message_id, sent_at = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    timestamp_seconds = _timestamp(sent_at, time.time() if now_seconds is None else now_seconds, tolerance_seconds)
    secrets = [secret] if isinstance(secret, str) else secret
    expected = [sign(message_id, timestamp_seconds, body, each) for each in secrets]
    if not message_id or not _has_any(given.get("webhook-signature", ""), expected):
        raise WebhookVerificationError("webhook-signature holds no signature of this message with this secret")
    return _read(message_id, body)


def _timestamp(text: str, now_seconds: float, tolerance_seconds: float) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 12):
        raise WebhookVerificationError("webhook-timestamp is missing or no Unix time")
    age_seconds = now_seconds - int(text)
    if abs(age_seconds) > tolerance_seconds:
        raise WebhookVerificationError(
            f"the message was sent {age_seconds:.0f} s ago by webhook-timestamp; at most {tolerance_seconds:g} s are "
            "allowed: it is replayed, or a clock is wrong"
        )
    return int(text)


def _has_any(given: str, expected: Sequence[str]) -> bool:
    # Every pair is compared, in constant time: how long it takes tells nothing about the secret.
    matches = [hmac.compare_digest(one.encode(), each.encode()) for one in given.split() for each in expected]
    return any(matches)


def _read(message_id: str, body: bytes) -> WebhookEvent:
    try:
        return WebhookEvent.model_validate({**json.loads(body), "id": message_id})
    except (ValueError, TypeError, ValidationError) as error:
        raise WebhookVerificationError("the message is signed, but it is no event of Reelqueue's") from error


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < _LEAST_SECRET_BYTES:
        raise ConfigurationError("this is no webhook secret: it is whsec_ and the base64 of at least 24 bytes")
    return key
