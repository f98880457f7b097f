"""Signs calls of Alibaba Cloud's management interfaces: ACS3-HMAC-SHA256.

Source: Alibaba Cloud, V3 request body and signature mechanism.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from pydantic import SecretStr

ALGORITHM: Final = "ACS3-HMAC-SHA256"
_EMPTY_BODY_SHA256: Final = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class AccessKey:
    """An AccessKey of a RAM user who may read bills."""

    id: str
    secret: SecretStr
    security_token: SecretStr | None = None
    """Of temporary credentials (STS)."""


@dataclass(frozen=True)
class SignedCall:
    """A call without a body, ready to be sent as it is."""

    query: str
    """The query string; sent exactly so, since it is what was signed."""
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Action:
    """What is called."""

    name: str
    """Such as DescribeInstanceBill."""
    version: str
    """Of the interface, such as 2017-12-14."""
    method: str
    host: str
    path: str


def sign_call(action: Action, parameters: Mapping[str, str], key: AccessKey, *, date: str, nonce: str) -> SignedCall:
    """Sign a call without a body.

    Args:
        action: What is called.
        parameters: Of the query, not encoded.
        key: Whose call.
        date: Now in UTC, as ``2026-11-30T02:00:00Z``; more than 15 minutes off is refused.
        nonce: A text that no other call has.
    """
    query = "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in sorted(parameters.items()))
    headers = {
        "host": action.host,
        "x-acs-action": action.name,
        "x-acs-content-sha256": _EMPTY_BODY_SHA256,
        "x-acs-date": date,
        "x-acs-signature-nonce": nonce,
        "x-acs-version": action.version,
    }
    if key.security_token is not None:
        headers["x-acs-accesskey-id"] = key.id
        headers["x-acs-security-token"] = key.security_token.get_secret_value()
    names = ";".join(sorted(headers))
    digest = hashlib.sha256(canonical_request(action.method, action.path, query, headers).encode()).hexdigest()
    signature = signature_of(key.secret.get_secret_value(), digest)
    headers["Authorization"] = f"{ALGORITHM} Credential={key.id},SignedHeaders={names},Signature={signature}"
    return SignedCall(query, headers)


def canonical_request(method: str, path: str, query: str, headers: Mapping[str, str]) -> str:
    """The text whose digest is signed; *headers* are lower case, and all of them count."""
    names = sorted(headers)
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in names)
    return "\n".join([method, path, query, lines, ";".join(names), headers["x-acs-content-sha256"]])


def signature_of(secret: str, digest: str) -> str:
    """The signature over the SHA-256 of a canonical request, both in hexadecimal."""
    return hmac.new(secret.encode(), f"{ALGORITHM}\n{digest}".encode(), hashlib.sha256).hexdigest()


def _encoded(text: str) -> str:
    return quote(text, safe="-_.~")
