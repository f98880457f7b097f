"""Who calls: the holder of a bearer key, or somebody on this machine."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from fastapi import Request
from sqlalchemy import select

from api.problems import ProblemError
from api.services import services
from models.api_key import ApiKey

_PLACE: Final = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?")
_SCHEME: Final = re.compile(r"^https?://")


@dataclass(frozen=True)
class Caller:
    """On whose behalf a call acts."""

    tenant_id: UUID | None
    """None: somebody on this machine, who may see every job."""


def caller(request: Request) -> Caller:
    """Who makes this call.

    The session is opened and closed here, so that no connection is held while a body trickles in.

    Raises:
        ProblemError: 401 without a valid key, 403 where a web page or a proxy stands between.
    """
    key = _bearer_key(request)
    if key is not None:
        return Caller(_tenant_id(request, key))
    if services(request).require_key:
        raise _unauthorized("this API needs a key; send it as Authorization: Bearer KEY")
    _check_local(request)
    return Caller(None)


def is_loopback(host: str) -> bool:
    """Whether *host*, a name or an address, can be reached from this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _bearer_key(request: Request) -> str | None:
    header = request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, key = header.partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise _unauthorized("the Authorization header is not of the form Bearer KEY")
    return key.strip()


def _tenant_id(request: Request, key: str) -> UUID:
    digest = hashlib.sha256(key.encode()).hexdigest()
    with services(request).sessions() as session:
        found = session.scalars(
            select(ApiKey.tenant_id).where(ApiKey.sha256 == digest, ApiKey.revoked_at.is_(None))
        ).one_or_none()
    if found is None:
        raise _unauthorized(
            "the API key is unknown or revoked; ask an operator for one (python -m workers keys create)"
        )
    return found


def _check_local(request: Request) -> None:
    """Refuse what a web page or a reverse proxy could smuggle to a server without keys.

    A page may resolve its own name to 127.0.0.1 (DNS rebinding), which shows in Host, or post across
    origins, which shows in Origin. The headers are read here, because Starlette puts the server's own
    address in the place of a Host that it cannot read.
    """
    origin = request.headers.get("origin")
    places = [request.headers.get("host", ""), *([] if origin is None else [_SCHEME.sub("", origin)])]
    names = [_PLACE.fullmatch(place) for place in places]
    if not all(name and is_loopback(name[1]) for name in names):
        raise ProblemError(
            403,
            "not_local",
            "without keys this API serves callers on its own machine only; call it by 127.0.0.1 or localhost, "
            "or set REELQUEUE_API_REQUIRE_KEY=true and send a key",
        )


def _unauthorized(detail: str) -> ProblemError:
    return ProblemError(401, "unauthorized", detail, headers={"WWW-Authenticate": 'Bearer realm="reelqueue"'})
