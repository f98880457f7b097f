"""Fetching a result from a server that misbehaves: the whole file, or a reason."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from reelqueue.egress import PinnedTransport
from tests.conftest import free_port
from tests.support.loopback import Behaviour, hangs_up, says, says_nothing, serving, trickles
from workers.archive.download import Download, DownloadError, fetch
from workers.settings import DownloadLimits

VIDEO = bytes(range(256)) * 4096
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n"


def download(
    url: str,
    path: Path,
    *,
    max_bytes: int = 10_000_000,
    timeout_seconds: float = 20,
    headers_seconds: float = 20,
    renew: Callable[[], None] = lambda: None,
) -> Download:
    limits = DownloadLimits(max_bytes, timeout_seconds, headers_seconds=headers_seconds, read_seconds=0.5)
    return fetch(url, path, limits=limits, plain_host="127.0.0.1", renew=renew)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "clip.mp4"


def test_a_whole_file_comes_with_its_checksum(path: Path) -> None:
    with serving(says("200 OK", VIDEO)) as server:
        got = download(server.url, path)

    assert path.read_bytes() == VIDEO
    assert got == Download(len(VIDEO), hashlib.sha256(VIDEO).hexdigest()) == Download.of(path)


def test_a_file_of_undeclared_length_is_taken(path: Path) -> None:
    with serving(says("200 OK", VIDEO, Content_Length="")) as server:
        assert download(server.url, path).size_bytes == len(VIDEO)


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (says("403 Forbidden", b"<Error>AccessDenied</Error>"), "HTTP 403"),  # the URL has expired
        (says("404 Not Found", b""), "HTTP 404"),
        (says("500 Oops", b""), "HTTP 500"),
        (says("206 Partial Content", VIDEO), "HTTP 206"),
        (says("200 OK", b""), "empty"),
        (says("200 OK", VIDEO, Content_Length=str(len(VIDEO) + 1)), "broke off"),
        (says("200 OK", VIDEO, Content_Encoding="gzip"), "broke off"),
        (lambda connection: connection.sendall(HEAD + b"Content-Length: 9\r\n\r\nabc"), "broke off after 3 bytes"),
        (lambda connection: connection.sendall(b"SSH-2.0-OpenSSH\r\n"), "broke off"),
        (hangs_up, "broke off"),
        (says_nothing, "ReadTimeout"),
    ],
)
def test_anything_but_the_whole_file_is_a_reason(path: Path, behaviour: Behaviour, reason: str) -> None:
    with serving(behaviour) as server, pytest.raises(DownloadError, match=reason):
        download(server.url + "/clip.mp4?Signature=s3cret", path)


def test_a_file_that_is_compressed_unasked_is_unpacked(path: Path) -> None:
    with serving(says("200 OK", gzip.compress(VIDEO), Content_Encoding="gzip")) as server:
        got = download(server.url, path)

    assert path.read_bytes() == VIDEO
    assert got == Download(len(VIDEO), hashlib.sha256(VIDEO).hexdigest())


def test_the_limit_is_for_what_is_unpacked(path: Path) -> None:
    with (
        serving(says("200 OK", gzip.compress(bytes(2_000_000)), Content_Encoding="gzip")) as server,
        pytest.raises(DownloadError, match="larger than 1000000 bytes"),
    ):
        download(server.url, path, max_bytes=1_000_000)


def test_a_redirect_to_no_host_is_a_reason(path: Path) -> None:
    with (
        serving(says("302 Found", b"", Location="https://xn--/")) as server,
        pytest.raises(DownloadError, match="broke off"),
    ):
        download(server.url, path)


def test_a_result_that_says_http_is_fetched_with_tls(path: Path) -> None:
    sent_to = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent_to.append(str(request.url))
        return httpx.Response(200, stream=httpx.ByteStream(VIDEO))

    url = "http://result.example/x.mp4?Expires=1796115600&Signature=a%3D"
    limits = DownloadLimits(10_000_000, 20, 20, 20)
    fetch(url, path, limits=limits, plain_host=None, transport=httpx.MockTransport(answer))

    assert sent_to == ["https://result.example/x.mp4?Expires=1796115600&Signature=a%3D"]


def test_a_redirect_is_not_followed(path: Path) -> None:
    with (
        serving(says("200 OK", VIDEO)) as elsewhere,
        serving(says("302 Found", b"", Location=elsewhere.url)) as server,
        pytest.raises(DownloadError, match="HTTP 302"),
    ):
        download(server.url, path)

    assert elsewhere.requests == []


def test_a_file_without_an_end_is_refused_at_the_cap(path: Path) -> None:
    endless = trickles(HEAD + b"\r\n", b"x" * 65_536)

    with serving(endless) as server, pytest.raises(DownloadError, match="larger than 1000000 bytes"):
        download(server.url, path, max_bytes=1_000_000)

    assert path.stat().st_size <= 1_000_000


def test_a_file_of_a_byte_at_a_time_ends_at_the_time_limit(path: Path) -> None:
    with serving(trickles(HEAD + b"\r\n", b"x")) as server, pytest.raises(DownloadError, match=r"within 0\.2 s"):
        download(server.url, path, timeout_seconds=0.2)


def test_headers_of_a_byte_at_a_time_end_at_their_own_limit(path: Path) -> None:
    with serving(trickles(HEAD + b"X-Pad: ", b"x")) as server, pytest.raises(DownloadError, match=r"headers in 0\.2 s"):
        download(server.url, path, headers_seconds=0.2)


def test_nobody_listens(path: Path) -> None:
    with pytest.raises(DownloadError, match="ConnectError"):
        download(f"http://127.0.0.1:{free_port()}/", path)


@pytest.mark.parametrize(
    "behaviour", [says("403 Forbidden", b""), hangs_up, says("200 OK", VIDEO, Content_Length="9999999")]
)
def test_the_signed_url_is_never_quoted(path: Path, behaviour: Behaviour) -> None:
    with serving(behaviour) as server, pytest.raises(DownloadError) as caught:
        download(server.url + "/clip.mp4?Signature=s3cret", path)

    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "plain_host"),
    [
        ("http://127.0.0.1/clip.mp4", None),
        ("https://127.0.0.1/clip.mp4", None),  # this machine's own services
        ("https://localhost/clip.mp4", None),
        ("https://LOCALHOST/clip.mp4", None),
        ("https://[::1]/clip.mp4", None),
        ("https://user:password@result.example/clip.mp4", None),
        ("ftp://simulator/clip.mp4", "simulator"),
        ("file:///etc/passwd", None),
        ("file:///etc/passwd", "simulator"),
        ("gopher://x/", None),
        ("//result.example/clip.mp4", None),
        ("clip.mp4", None),
        ("", None),
        ("https://", None),
        ("https://[::1", None),  # no URL at all: Python's own parser raises
        ("https://[v1.x]/", None),
        ("https://xn--/", None),
        ("https://result.example:port/", None),
        ("https://result\u2100.example/", None),
        ("https://result.example/\x00", None),
    ],
)
def test_a_url_that_no_result_has_is_refused(path: Path, url: str, plain_host: str | None) -> None:
    with pytest.raises(DownloadError):
        fetch(url, path, limits=DownloadLimits(1, 1, 1, 1), plain_host=plain_host)


def test_it_shows_that_it_is_alive(path: Path) -> None:
    beats: list[int] = []

    with serving(says("200 OK", VIDEO)) as server:
        download(server.url, path, renew=lambda: beats.append(1))

    assert beats


def test_a_result_whose_name_points_inside_is_not_fetched(path: Path) -> None:
    async def rebound(_name: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    limits = DownloadLimits(10_000_000, 20, 20, 20)
    with serving(says("200 OK", VIDEO)) as server:
        url = f"https://result.example:{httpx.URL(server.url).port}/clip.mp4"
        with pytest.raises(DownloadError, match="has an address that is not of the public internet"):
            fetch(url, path, limits=limits, plain_host=None, transport=PinnedTransport(resolve=rebound))

    assert server.requests == []
