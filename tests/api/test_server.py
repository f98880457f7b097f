"""Connections that ask for nothing are closed, and others than those are served."""

from __future__ import annotations

import socket
import time

import httpx
import pytest
from sqlalchemy.orm import Session

from api.http import server
from api.settings import ApiSettings
from tests.api.conftest import serving


@pytest.mark.parametrize("head", [b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\n"], ids=["nothing", "half a request"])
def test_half_a_request_is_closed(api: httpx.Client, monkeypatch: pytest.MonkeyPatch, head: bytes) -> None:
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.05)
    with connect(api) as peer:
        peer.sendall(head)
        assert peer.recv(4096) == b""


def test_the_second_request_of_a_connection_is_watched_as_well(
    api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.05)
    with connect(api) as peer:
        peer.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b"200 OK" in peer.recv(4096)
        peer.sendall(b"GET /healthz HTTP/1.1\r\n")
        rest = b"".join(iter(lambda: peer.recv(4096), b""))

    assert b"HTTP/1.1" not in rest


def test_a_request_that_has_arrived_may_take_its_time(api: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.05)
    with connect(api) as peer:
        peer.sendall(b"POST /v1/preview HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n")
        peer.sendall(b"Content-Length: 2\r\n\r\n")
        with connect(api) as other:  # closed later than the first would be
            assert other.recv(4096) == b""
        peer.sendall(b"{}")
        assert peer.recv(4096).startswith(b"HTTP/1.1 422 ")


def test_connections_are_bounded(settings: ApiSettings, rows: Session) -> None:
    with serving(settings.model_copy(update={"api_connections": 2})) as api, connect(api):
        # The server counts the other connection when its loop has taken it from the listener.
        give_up_at = time.monotonic() + 30
        while (status := api.get("/healthz").status_code) != 503:
            assert (status, time.monotonic() < give_up_at) == (200, True)


def connect(api: httpx.Client) -> socket.socket:
    return socket.create_connection((api.base_url.host, api.base_url.port), timeout=30)
