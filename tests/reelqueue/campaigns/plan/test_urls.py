"""References that cannot be fetched, found before a render is paid for."""

from __future__ import annotations

from pathlib import Path

import httpx

from reelqueue.campaigns.plan.check_file import check_file
from reelqueue.campaigns.plan.url_check import check_urls

ANSWERS = {
    "/good.png": httpx.Response(200, headers={"content-type": "image/png"}),
    "/gone.png": httpx.Response(404),
    "/login.png": httpx.Response(200, headers={"content-type": "text/html; charset=utf-8"}),
}


def answer(request: httpx.Request) -> httpx.Response:
    if request.url.path == "/get-only.png":
        return httpx.Response(405 if request.method == "HEAD" else 200)
    if request.url.path == "/broken.png":
        raise httpx.ConnectError("no route", request=request)
    return ANSWERS[request.url.path]


def test_what_cannot_be_fetched_is_told_without_its_signature() -> None:
    names = ["good.png", "gone.png?signature=secret", "login.png", "get-only.png", "broken.png"]

    found = check_urls((f"https://a.example/{name}" for name in names), httpx.MockTransport(answer))

    assert {unreachable.url.rpartition("/")[2]: unreachable.why for unreachable in found.values()} == {
        "gone.png": "it answers 404",
        "login.png": "it is a web page, not a picture, video or sound",
        "broken.png": "it cannot be reached (ConnectError)",
    }


def test_a_reference_is_told_in_the_row_that_uses_it_first(tmp_path: Path) -> None:
    path = tmp_path / "cats.csv"
    rows = "".join(f"r{number},wan2.6-i2v,a cat {number},https://a.example/gone.png\n" for number in range(3))
    path.write_text(f"custom_id,model,prompt,image\n{rows}")

    checked = check_file(path, region="ap-southeast-1", with_urls=True, transport=httpx.MockTransport(answer))

    (group,) = checked.log.groups
    assert (group.first.line, group.first.custom_id, group.first.severity) == (2, "r0", "warning")
    assert checked.log.error_count == 0
