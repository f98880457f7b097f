"""References that cannot be fetched, found before a render is paid for."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx
import pytest

from reelqueue.campaigns.plan.check_file import check_file
from reelqueue.campaigns.plan.url_check import PublicTransport, check_urls
from reelqueue.egress import PinnedTransport

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


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:{port}/a.png", "http://localhost:{port}/a.png", "http://[::1]:{port}/", "http://0x7f.1/"]
)
def test_nothing_is_asked_inside(url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)

        (found,) = check_urls([url.format(port=server.getsockname()[1])]).values()

        assert found.why.startswith("the provider could not fetch it (")
        with pytest.raises(BlockingIOError):
            server.accept()


def test_a_redirect_leads_inside_no_further_than_its_host() -> None:
    asked: list[str] = []

    def redirect(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers["host"])
        return httpx.Response(302, headers={"location": "http://metadata.example/latest"})

    async def resolve(name: str, port: int) -> list[str]:
        return ["169.254.169.254" if name == "metadata.example" else "93.184.216.34"]

    pinned = PinnedTransport(resolve=resolve, inner=httpx.MockTransport(redirect))

    (found,) = check_urls(["https://a.example/a.png"], PublicTransport(lambda _: pinned)).values()

    assert asked == ["a.example"]
    assert "metadata.example has an address that is not of the public internet" in found.why


def test_a_reference_is_told_in_the_row_that_uses_it_first(tmp_path: Path) -> None:
    path = tmp_path / "cats.csv"
    rows = "".join(f"r{number},wan2.6-i2v,a cat {number},https://a.example/gone.png\n" for number in range(3))
    path.write_text(f"custom_id,model,prompt,image\n{rows}")

    checked = check_file(path, region="ap-southeast-1", with_urls=True, transport=httpx.MockTransport(answer))

    (group,) = checked.log.groups
    assert (group.first.line, group.first.custom_id, group.first.severity) == (2, "r0", "warning")
    assert checked.log.error_count == 0
