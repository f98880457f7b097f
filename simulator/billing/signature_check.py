"""Checks who asks for a bill: ACS3-HMAC-SHA256 over whatever headers the caller has signed.

Source: Alibaba Cloud, V3 request body and signature mechanism; error codes of its gateway.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from simulator.errors import WireError

_AUTHORIZATION: Final = re.compile(
    r"ACS3-HMAC-SHA256 Credential=(?P<id>[^,]+), ?SignedHeaders=(?P<names>[^,]+), ?"
    r"Signature=(?P<signature>[0-9a-f]{64})"
)
_CLOCK_SECONDS: Final = 900


class SignatureCheck:
    """Knows the nonces that were used."""

    def __init__(self) -> None:
        self._nonces = set[str]()

    def check(
        self,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        secrets: Mapping[str, str],
        now: datetime,
    ) -> None:
        """Refuse a call whose signature is not good.

        Args:
            method: Of the call.
            path: Of the call.
            query: As it was sent; nothing in it is encoded again.
            headers: Lower case.
            body: Of the call.
            secrets: The secret of each AccessKey.
            now: To compare the call's date with.

        Raises:
            WireError: With the gateway's code.
        """
        match = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
        if match is None:
            raise WireError(400, "MissingParameter", "The parameter Authorization is missing or not understood.")
        secret = secrets.get(match["id"])
        if secret is None:
            raise WireError(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
        self._check_time_and_nonce(headers, now)
        expected = _signature(method, path, query, headers, match["names"], secret)
        content = headers.get("x-acs-content-sha256", "")
        if content != hashlib.sha256(body).hexdigest() or not hmac.compare_digest(expected, match["signature"]):
            raise WireError(400, "SignatureDoesNotMatch", "Specified signature does not match our calculation.")

    def _check_time_and_nonce(self, headers: Mapping[str, str], now: datetime) -> None:
        try:
            date = datetime.strptime(headers.get("x-acs-date", ""), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError:
            raise WireError(400, "InvalidTimeStamp.Format", "Specified time stamp is not valid.") from None
        if abs((now - date).total_seconds()) > _CLOCK_SECONDS:
            raise WireError(400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")
        nonce = headers.get("x-acs-signature-nonce", "")
        if not nonce or nonce in self._nonces:
            raise WireError(400, "SignatureNonceUsed", "Specified signature nonce was used already.")
        self._nonces.add(nonce)


def _signature(method: str, path: str, query: str, headers: Mapping[str, str], names: str, secret: str) -> str:
    """The signature of a call over the headers whose names are given, separated by semicolons."""
    lines = "".join(f"{name}:{headers.get(name, '').strip()}\n" for name in names.split(";"))
    request = "\n".join([method, path, query, lines, names, headers.get("x-acs-content-sha256", "")])
    text = f"ACS3-HMAC-SHA256\n{hashlib.sha256(request.encode()).hexdigest()}"
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
