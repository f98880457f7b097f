"""Signing in with a browser: a key is pasted once, or came as a link, and becomes a cookie."""

from __future__ import annotations

import re
from typing import Annotated, Final

import structlog
from fastapi import APIRouter, Depends, Query, Request, status
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.auth.authentication import Caller, guest_of, holder_of
from api.auth.same_origin import check_same_origin
from api.auth.session_cookies import SESSION_LIFE, Pass, Purpose, cookie_options, signed
from api.dependencies import OpenClock, OpenContext
from api.gallery.html_document import security_policy
from api.gallery.page_data import LIST_PATH
from api.gallery.sign_in_page import SIGN_IN_ASSETS, sign_in_page
from api.http.request_body import form_fields
from api.problem_details import ProblemError

log = structlog.get_logger(__name__)
router = APIRouter(include_in_schema=False)

_INSIDE: Final = re.compile(rf"{LIST_PATH}(?:[/?][!-\[\]-~]*)?")
"""Pages of ours, in the characters of an address; a backslash is a slash to some browsers."""


@router.get("/sign-in")
def read_sign_in(context: OpenContext, to: Annotated[str, Query()] = LIST_PATH) -> Response:
    """The form; where no key is needed, the way past it."""
    if not context.require_key:
        return RedirectResponse(_inside(to), status.HTTP_303_SEE_OTHER)
    return _form(to)


@router.post("/sign-in", dependencies=[Depends(check_same_origin)])
def sign_in(
    fields: Annotated[dict[str, str], Depends(form_fields)],
    clock: OpenClock,
    context: OpenContext,
    request: Request,
) -> Response:
    """Let a browser in for some hours."""
    to = fields.get("to", "")
    try:
        caller = _caller(request, fields)
    except ProblemError as error:
        return _form(to, error.detail, status_code=error.status)
    if caller.key_id is None:
        return _form(to)
    until = Pass(caller.key_id, clock() + SESSION_LIFE)
    answer = RedirectResponse(_inside(to), status.HTTP_303_SEE_OTHER)
    content = signed(until, Purpose.SESSION, context.session_secret)
    answer.set_cookie(**cookie_options(request), value=content, max_age=int(SESSION_LIFE.total_seconds()))
    log.info("session.opened", key=str(caller.key_id))
    return answer


@router.post("/sign-out", dependencies=[Depends(check_same_origin)])
def sign_out(request: Request) -> Response:
    """Take the cookie away."""
    answer = RedirectResponse("/sign-in", status.HTTP_303_SEE_OTHER)
    answer.delete_cookie(**cookie_options(request))
    return answer


def _caller(request: Request, fields: dict[str, str]) -> Caller:
    if link := fields.get("pass"):
        return guest_of(request, link, Purpose.LINK)
    return holder_of(request, fields.get("key", "").strip())


def _form(to: str, problem: str | None = None, *, status_code: int = status.HTTP_200_OK) -> HTMLResponse:
    policy = security_policy(SIGN_IN_ASSETS, is_served=True)
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store"}
    return HTMLResponse(sign_in_page(_inside(to), problem), status_code, headers)


def _inside(to: str) -> str:
    """*to* where it is a page of ours: no link of ours leads elsewhere."""
    return to if _INSIDE.fullmatch(to) else LIST_PATH
