"""A real HTTP server on loopback that misbehaves as a test says."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Behaviour = Callable[[socket.socket], None]
"""Answers one request that was read whole; the connection is closed afterwards."""

_PATIENCE_SECONDS = 10.0


@dataclass
class LoopbackServer:
    """Where it listens, and what it was sent."""

    url: str
    requests: list[bytes] = field(default_factory=list)


@contextmanager
def serving(*behaviours: Behaviour) -> Iterator[LoopbackServer]:
    """A server that answers its requests in turn, and every later one like the last."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = LoopbackServer(f"http://127.0.0.1:{listener.getsockname()[1]}")
        thread = threading.Thread(target=_serve, args=(listener, server, behaviours))
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def says(status: str, content: bytes, **headers: str) -> Behaviour:
    """An ordinary answer; a header with an underscore is spelt with a hyphen, an empty one is left out."""

    def behave(connection: socket.socket) -> None:
        fields = {"Content-Length": str(len(content))} | {name.replace("_", "-"): v for name, v in headers.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
        connection.sendall(f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + content)

    return behave


def hangs_up(_connection: socket.socket) -> None:
    """Close the connection without a word."""


def says_nothing(connection: socket.socket) -> None:
    """Wait until the client gives up."""
    connection.recv(1)


def trickles(head: bytes, byte: bytes = b" ") -> Behaviour:
    """Send a head and then a byte every few milliseconds, until the client gives up."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(byte)
            time.sleep(0.005)

    return behave


def _serve(listener: socket.socket, server: LoopbackServer, behaviours: tuple[Behaviour, ...]) -> None:
    waiting = list(behaviours)
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:  # the test is over
            return
        connection.settimeout(_PATIENCE_SECONDS)
        with connection, suppress(OSError):
            server.requests.append(_read_request(connection))
            (waiting.pop(0) if len(waiting) > 1 else waiting[0])(connection)


def _read_request(connection: socket.socket) -> bytes:
    request = _more(connection)
    while b"\r\n\r\n" not in request and not request.startswith(b"\x16"):  # 22 begins a TLS handshake
        request += _more(connection)
    head, _, body = request.partition(b"\r\n\r\n")
    declared = [line.split(b":")[1] for line in head.splitlines() if line.lower().startswith(b"content-length:")]
    while declared and len(body) < int(declared[0]):
        body += _more(connection)
    return head + b"\r\n\r\n" + body


def _more(connection: socket.socket) -> bytes:
    if received := connection.recv(65_536):
        return received
    raise ConnectionError("the client hung up")
