"""GET /: a page that leads to the others."""

from __future__ import annotations

import re

import httpx


def test_the_root_leads_to_pages_that_are_there(locked: httpx.Client) -> None:
    page = locked.get("/")

    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    links = re.findall(r'<a href="([^"]+)"', page.text)
    assert links == ["/campaigns", "/docs", "/openapi.json"]
    assert [locked.get(link, follow_redirects=True).status_code for link in links] == [200, 200, 200]
