"""The page that people try the API on: whole on a machine without the internet."""

import re

import httpx


def test_the_page_loads_nothing_from_another_host(api: httpx.Client) -> None:
    page = api.get("/docs")

    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert page.status_code == 200
    assert len(loaded) >= 3
    assert {url.startswith("/") and not url.startswith("//") for url in loaded} == {True}
    assert {api.get(url).status_code for url in loaded} == {200}
