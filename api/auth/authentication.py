"""Authentication: a bearer key, a browser session that a key has opened, or a caller on this machine."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from fastapi import Request
from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy import false as sql_false
from sqlalchemy.orm import Session

from api.auth.same_origin import READING, check_same_origin
from api.auth.session_cookies import COOKIE, Pass, Purpose, read_pass
from api.dependencies import context_of
from api.problem_details import ProblemError
from models.api_key import IS_VALID, ApiKey, KeyScope
from reelqueue.loopback import is_loopback

_PLACE: Final = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?")
_SCHEME: Final = re.compile(r"^https?://")
_FORWARDING: Final = re.compile(
    r"forwarded|x-forwarded(-.+)?|x-original-.+|x-real-ip|x-client-ip|x-cluster-client-ip|true-client-ip|via|cf-.+"
)
"""Headers that proxies and tunnels add."""
_READING_POST: Final = re.compile(r"/v1/preview|/v1/campaigns/[^/]+/link")
"""What is posted and changes nothing; a link opens what its key opens."""
_USED_LATELY: Final = func.coalesce(ApiKey.last_used_at > func.clock_timestamp() - timedelta(minutes=1), sql_false())


@dataclass(frozen=True)
class Caller:
    """On whose behalf a call acts."""

    tenant_id: UUID | None
    """None: a caller on this machine, who may see every job."""
    key_id: UUID | None = None
    """The key that let the caller in."""
    key_name: str | None = None
    """Whom that key was made for."""
    scope: KeyScope = KeyScope.WRITE
    """What it may do."""


def caller(request: Request) -> Caller:
    """Who makes this call.

    The session is opened and closed here, so that no connection is held while a body trickles in.

    Raises:
        ProblemError: 401 without a valid key, 403 where a web page or a proxy stands between, or the key may only read.
    """
    found = _caller(request)
    if found.scope is KeyScope.READ and not _only_reads(request):
        raise ProblemError(
            403,
            "read_only_key",
            f"the key {found.key_name} may read, and change or render nothing; use another, or ask an operator for one "
            "(python -m workers keys create)",
        )
    return found


def _only_reads(request: Request) -> bool:
    return request.method in READING or _READING_POST.fullmatch(request.url.path) is not None


def _caller(request: Request) -> Caller:
    key = bearer_key(request)
    if key is not None:
        return holder_of(request, key)
    if not context_of(request).require_key:
        _check_local(request)
        if request.method not in READING:
            check_same_origin(request)  # any page of this machine's is local: a dev server's, another user's
        return Caller(None)
    cookie = request.cookies.get(COOKIE)
    if cookie is None:
        raise _unauthorized("this API needs a key; send it as Authorization: Bearer KEY, or sign in at /sign-in")
    if request.method not in READING:
        check_same_origin(request)  # a browser sends the cookie whichever page made it send the request
    return guest_of(request, cookie, Purpose.SESSION)


def holder_of(request: Request, key: str) -> Caller:
    """The caller who has a key.

    Raises:
        ProblemError: 401 where it is unknown, revoked or expired.
    """
    found = _find(request, ApiKey.sha256 == hashlib.sha256(key.encode()).hexdigest())
    if found is None:
        raise _unauthorized(
            "the API key is unknown, revoked or expired; ask an operator for one (python -m workers keys create, "
            "or keys list for what has become of it)"
        )
    return found


def guest_of(request: Request, text: str, purpose: Purpose) -> Caller:
    """The caller of a browser session that a key has opened.

    Raises:
        ProblemError: 401 where that was long ago, or the key is revoked.
    """
    one = read_pass(text, purpose, context_of(request).session_secret)
    found = None if one is None else _find(request, *_still_open(one))
    if found is None:
        raise _unauthorized(f"this {purpose} has ended, or its key was revoked; sign in again at /sign-in")
    return found


def _still_open(one: Pass) -> tuple[ColumnElement[bool], ...]:
    return ApiKey.id == one.key_id, func.now() < one.expires_at


def _find(request: Request, *conditions: ColumnElement[bool]) -> Caller | None:
    query = select(ApiKey.tenant_id, ApiKey.id, ApiKey.name, ApiKey.scope, _USED_LATELY).where(*IS_VALID, *conditions)
    with context_of(request).sessions() as session:
        row = session.execute(query).one_or_none()
        if row is None:
            return None
        tenant_id, key_id, name, scope, was_used_lately = row
        if not was_used_lately:
            _note_use(session, key_id)
    return Caller(tenant_id, key_id, name, scope)


def _note_use(session: Session, key_id: UUID) -> None:
    """At most once a minute, and by one request: the others that come at once do not wait for it."""
    this = select(ApiKey.id).where(ApiKey.id == key_id, ~_USED_LATELY).with_for_update(skip_locked=True)
    session.execute(
        update(ApiKey)
        .where(ApiKey.id == this.scalar_subquery())
        .values(last_used_at=func.clock_timestamp())
        .execution_options(synchronize_session=False)
    )
    session.commit()


def bearer_key(request: Request) -> str | None:
    """The key that a call brings; None: it brings none.

    Raises:
        ProblemError: 401 where its header has another form.
    """
    header = request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, key = header.partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise _unauthorized("the Authorization header is not of the form Bearer KEY")
    return key.strip()


def _check_local(request: Request) -> None:
    """Refuse what a web page or a reverse proxy could pass on to a server without keys.

    A proxy on this machine is a local caller, whichever client is behind it; most say so in a header.

    A page may resolve its own name to 127.0.0.1 (DNS rebinding), which shows in Host, or post across
    origins, which shows in Origin. The headers are read here, because Starlette puts the server's own
    address in the place of a Host that it cannot read.
    """
    forwarded = next((name for name in request.headers if _FORWARDING.fullmatch(name.lower())), None)
    if forwarded is not None:
        raise ProblemError(
            403,
            "forwarded",
            f"a proxy has passed this on (it has the header {forwarded}), and without keys this API serves callers on "
            "its own machine only; set REELQUEUE_API_REQUIRE_KEY=true and send a key",
        )
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
