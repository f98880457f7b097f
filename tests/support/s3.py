"""A real S3 server on loopback (moto), behind a proxy that misbehaves as a test says."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from xml.sax.saxutils import unescape

import httpx

BUCKET = "clips"
ARCHIVE_URL = f"s3://{BUCKET}/studio"
KEY_ID, SECRET = "AKIACANARY7D1F", "canary/s3/secret/7d1f"
"""They must never be seen again."""
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "us-east-1"}

_HOPS = {"connection", "transfer-encoding", "content-length"}

Fault = Callable[["Exchange"], bool]
"""Misbehaves at a request, or says False and lets it pass."""


class Exchange(BaseHTTPRequestHandler):
    """One request on its way through the proxy."""

    protocol_version = "HTTP/1.1"
    server: Proxy

    def do_GET(self) -> None:
        """Pass it on, unless a fault takes it."""
        self.server.seen.append((self.command, self.path))
        self.close_connection = True
        if not self.server.fault(self):
            self._pass_on()

    do_PUT = do_HEAD = do_POST = do_DELETE = do_GET  # noqa: N815 -- the names that http.server looks for

    def body(self) -> bytes:
        """What the client sends with it."""
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        """Answer it, and let the connection end."""
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", (headers or {}).get("content-length", str(len(content))))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)

    def hang_up(self) -> None:
        """End the connection without a word."""
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _pass_on(self) -> None:
        upstream = HTTPConnection("127.0.0.1", self.server.upstream_port, timeout=30)
        upstream.request(self.command, self.path, self.body(), dict(self.headers))
        response: HTTPResponse = upstream.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        kept = {name: value for name, value in headers.items() if name not in _HOPS or self.command == "HEAD"}
        self.answer(response.status, response.read(), kept)
        upstream.close()


class Proxy(ThreadingHTTPServer):
    """Listens on a free port of loopback."""

    daemon_threads = True

    def __init__(self, upstream_port: int) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.upstream_port = upstream_port
        self.seen: list[tuple[str, str]] = []
        self.fault: Fault = passing

    def handle_error(self, *_: Any) -> None:
        """A client that has gone is no news."""


@dataclass
class S3:
    """A bucket as the code sees it, and as it is."""

    proxy: Proxy
    moto: httpx.Client
    environment: dict[str, str] = field(default_factory=dict)

    def misbehave(self, fault: Fault) -> None:
        """At each request from now on."""
        self.proxy.fault = fault

    def recover(self) -> None:
        """Work again."""
        self.proxy.fault = passing

    @property
    def seen(self) -> list[tuple[str, str]]:
        """Method and path of each request."""
        return self.proxy.seen

    def objects(self) -> list[str]:
        """The keys in the bucket."""
        listing = self.moto.get(f"/{BUCKET}", params={"list-type": "2"}).text
        return [unescape(key) for key in re.findall(r"<Key>([^<]+)</Key>", listing)]

    def uploads(self) -> list[str]:
        """The keys of multipart uploads that were neither finished nor abandoned."""
        return re.findall(r"<Key>([^<]+)</Key>", self.moto.get(f"/{BUCKET}?uploads").text)

    def read(self, key: str) -> httpx.Response:
        """An object, as S3 serves it."""
        return self.moto.get(f"/{BUCKET}/{key}")


@contextmanager
def proxying(moto_port: int) -> Iterator[S3]:
    """An empty bucket behind a proxy of its own."""
    moto_url = f"http://127.0.0.1:{moto_port}"
    proxy = Proxy(moto_port)
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request"}
    try:
        with httpx.Client(base_url=moto_url, headers=signed, trust_env=False) as moto:
            moto.post("/moto-api/reset").raise_for_status()
            moto.put(f"/{BUCKET}").raise_for_status()
            endpoint = f"http://127.0.0.1:{proxy.server_address[1]}"
            yield S3(proxy, moto, ENVIRONMENT | {"AWS_ENDPOINT_URL": endpoint})
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()


def passing(_: Exchange) -> bool:
    """Lets everything pass."""
    return False


def answering(status: int, code: str, *, method: str = "PUT", marked: str = "", times: int = 1_000_000) -> Fault:
    """Answers requests of a method with an error of S3's, which quotes the key's id as S3 does."""
    left = iter(range(times))

    def fault(exchange: Exchange) -> bool:
        if exchange.command != method or marked not in exchange.path or next(left, None) is None:
            return False
        exchange.body()
        content = f"<Error><Code>{code}</Code><AWSAccessKeyId>{KEY_ID}</AWSAccessKeyId></Error>"
        exchange.answer(HTTPStatus(status), content.encode(), {"Content-Type": "application/xml"})
        return True

    return fault


def cutting(*, method: str = "PUT", marked: str = "", times: int = 1_000_000) -> Fault:
    """Hangs up in the middle of a request's body."""
    left = iter(range(times))

    def fault(exchange: Exchange) -> bool:
        if exchange.command != method or marked not in exchange.path or next(left, None) is None:
            return False
        exchange.rfile.read(int(exchange.headers.get("Content-Length", 0)) // 2)
        exchange.hang_up()
        return True

    return fault


def stalling(done: threading.Event, *, method: str = "PUT") -> Fault:
    """Never answers, until the test is over."""

    def fault(exchange: Exchange) -> bool:
        if exchange.command != method:
            return False
        exchange.body()
        done.wait(30)
        exchange.hang_up()
        return True

    return fault


def garbling(*, marked: str = "") -> Fault:
    """Gives other bytes than were put, as many."""

    def fault(exchange: Exchange) -> bool:
        if exchange.command != "GET" or marked not in exchange.path:
            return False
        exchange.answer(HTTPStatus.OK, b"x" * 5, {"ETag": '"x"', "Last-Modified": "Mon, 23 Nov 2026 19:46:31 GMT"})
        return True

    return fault
