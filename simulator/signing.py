"""Signed links: result URLs and upload policies, with OSS's parameter names."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Final
from urllib.parse import urlencode

from simulator.store.settings import SettingTable

ACCESS_KEY_ID: Final = "LTAI-simulator"
"""Appears where OSS shows the id of the signer; opens nothing."""


class Signer:
    """Signs with a secret of this state folder, so that links survive a restart."""

    def __init__(self, settings: SettingTable) -> None:
        secret = settings.get("signing_secret")
        if secret is None:
            secret = secrets.token_hex(32)
            settings.put("signing_secret", secret)
        self._secret = secret.encode()

    def sign(self, text: str) -> str:
        """Base64 HMAC-SHA1, as OSS's version 1 signatures are."""
        return base64.b64encode(hmac.digest(self._secret, text.encode(), hashlib.sha1)).decode()

    def is_signed(self, text: str, signature: str) -> bool:
        """Whether *signature* is ours for *text*."""
        return hmac.compare_digest(self.sign(text).encode(), signature.encode("utf-8", "surrogatepass"))

    def result_query(self, task_id: str, expires_at: int) -> str:
        """Query string of a result URL that works until *expires_at* (epoch seconds)."""
        signature = self.sign(f"result {task_id} {expires_at}")
        return urlencode({"Expires": expires_at, "OSSAccessKeyId": ACCESS_KEY_ID, "Signature": signature})

    def is_result_signed(self, task_id: str, expires: str, signature: str) -> bool:
        """Whether a result URL's parts belong together; says nothing about its time."""
        return self.is_signed(f"result {task_id} {expires}", signature)
