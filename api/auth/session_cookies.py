"""Signed session cookies and sign-in links, which stand for a key until they expire.

A browser sends no Authorization header by itself. So a person pastes a key once, or follows a link that the holder
of a key had made, and gets a cookie; revoking the key ends both.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, Literal, TypedDict
from uuid import UUID

from fastapi import Request

COOKIE: Final = "reelqueue_session"
SESSION_LIFE: Final = timedelta(hours=12)
"""A working day."""
LINK_LIFE: Final = timedelta(minutes=10)
"""A link is to be followed, not to be kept."""

_CONTENT: Final = struct.Struct(">16sQ")
_MAC_BYTES: Final = hashlib.sha256().digest_size


class Purpose(StrEnum):
    """What a pass is good for; one for a purpose is worth nothing for another."""

    SESSION = "session"
    LINK = "link"


@dataclass(frozen=True)
class Pass:
    """A session or link that the holder of a key has opened."""

    key_id: UUID
    expires_at: datetime


def signed(one: Pass, purpose: Purpose, secret: bytes) -> str:
    """A pass as text for a cookie or a link."""
    content = _CONTENT.pack(one.key_id.bytes, int(one.expires_at.timestamp()))
    return base64.urlsafe_b64encode(content + _mac(content, purpose, secret)).rstrip(b"=").decode()


def read_pass(text: str, purpose: Purpose, secret: bytes) -> Pass | None:
    """The pass that a text spells, or None where it was not signed here for that; it may have expired."""
    try:
        raw = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except ValueError:
        return None
    content, mac = raw[: _CONTENT.size], raw[_CONTENT.size :]
    if len(mac) != _MAC_BYTES or not hmac.compare_digest(mac, _mac(content, purpose, secret)):
        return None
    key_id, seconds = _CONTENT.unpack(content)
    return Pass(UUID(bytes=key_id), datetime.fromtimestamp(seconds, UTC))


class CookieOptions(TypedDict):
    """How the cookie is set, and taken away again."""

    key: str
    httponly: bool
    samesite: Literal["strict"]
    secure: bool
    path: str


def cookie_options(request: Request) -> CookieOptions:
    """Out of reach of scripts, and never sent from another site; where the API is reached by https, by that alone."""
    is_secure = request.url.scheme == "https"
    return {"key": COOKIE, "httponly": True, "samesite": "strict", "secure": is_secure, "path": "/"}


def _mac(content: bytes, purpose: Purpose, secret: bytes) -> bytes:
    return hmac.digest(secret, purpose.encode() + b"\0" + content, "sha256")
