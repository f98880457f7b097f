"""The server's root, where people begin who have its address only."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from api.gallery.html_document import security_policy
from api.gallery.sign_in_page import FRONT_ASSETS, front_page

router = APIRouter(include_in_schema=False)


@router.get("/")
async def read_front() -> HTMLResponse:
    """A page that leads to the campaigns and to the API's description; it says nothing about either."""
    return HTMLResponse(
        front_page(), headers={"Content-Security-Policy": security_policy(FRONT_ASSETS, is_served=True)}
    )
