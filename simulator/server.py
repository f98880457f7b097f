"""The HTTP server: uvicorn with connections that can be dropped."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from simulator.app import create_app
from simulator.errors import StartError
from simulator.exchange.dependencies import Service
from simulator.http.delivery import ABORT


class DroppableProtocol(H11Protocol):
    """HTTP/1.1 that lets the app close its connection without an answer."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Hand the transport's abort to the app with every request of this connection."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, ABORT: transport.abort}


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any free one.

    Raises:
        StartError: The address is taken or is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise StartError(f"cannot listen on {host}:{port}: {error.strerror}. Give another --host or --port.") from error


def serve(service: Service, listener: socket.socket, log_level: str) -> None:
    """Answer calls until SIGTERM or SIGINT, then close *service*."""
    config = uvicorn.Config(
        create_app(service),
        http=DroppableProtocol,
        log_level="warning" if log_level != "debug" else "info",
        access_log=False,  # one line a request is logged by the app, at debug level
        server_header=False,  # the service calls itself istio-envoy
        date_header=False,  # the simulator's clock may differ from the machine's
        proxy_headers=False,
        timeout_keep_alive=65,
        timeout_graceful_shutdown=1,  # a scripted fault may hold a connection for ever
    )
    # uvicorn ends in order, and then raises the signal once more: as an exception it can be caught here, while
    # SIGTERM's default would end the process before the state folder is closed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.closing(service), contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])
