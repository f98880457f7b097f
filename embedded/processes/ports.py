"""Addresses and TCP ports of loopback for one stack, so that two stacks never choose the same."""

from __future__ import annotations

import os
import socket
import sys
from functools import cache
from typing import Final

from reelqueue.errors import ConfigurationError
from reelqueue.loopback import is_loopback

HOST_VARIABLE: Final = "REELQUEUE_LOOPBACK_HOST"
"""Chooses the address on hosts that have neither of the usual ones."""
_USUAL_HOSTS: Final = ("127.0.0.1", "::1")
_CONNECT_SECONDS: Final = 2.0


@cache
def loopback_host() -> str:
    """The address that every service of a stack listens on, and is found at.

    Raises:
        ConfigurationError: This machine cannot be reached by a loopback address, or the variable names another one.
    """
    chosen = os.environ.get(HOST_VARIABLE)
    if chosen and not is_loopback(chosen):
        raise ConfigurationError(
            f"{HOST_VARIABLE}: {chosen!r} is no loopback address; the stack has no keys, and listens on such as "
            "127.0.0.1 or ::1 only"
        )
    failures: list[str] = []
    for host in (chosen,) if chosen else _USUAL_HOSTS:
        try:
            _reach(host)
        except OSError as error:
            failures.append(f"{host} ({error.strerror or error})")
        else:
            return host
    raise ConfigurationError(
        f"this machine cannot reach itself by {' or '.join(failures)}: enable the loopback interface "
        f"(ip link set lo up), or name the address that it has, such as {HOST_VARIABLE}=127.0.0.2"
    )


def loopback_url(port: int) -> str:
    """Scheme, host and port of a service of a stack."""
    host = loopback_host()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class PortClaims:
    """Ports that this process has chosen for its services, until it ends or releases them.

    A service listens seconds after its port was chosen. Meanwhile a name of the kernel's, in the abstract namespace
    of Unix sockets, tells other stacks that the port is taken; it goes with the process, however that ends. Off Linux
    there is no such namespace, and two stacks that start within a second may collide.
    """

    def __init__(self) -> None:
        self._claims: list[socket.socket] = []

    def claim(self, port: int) -> bool:
        """Claim a port; False if a process listens on it or another stack has claimed it, and for 0, which is none."""
        if port == 0 or not _can_listen(port):
            return False
        if sys.platform == "linux":
            claim = socket.socket(socket.AF_UNIX)
            try:
                claim.bind(f"\0reelqueue-port-{port}")
            except OSError:
                claim.close()
                return False
            self._claims.append(claim)
        return True

    def claim_free(self) -> int:
        """Take any port that is free."""
        while True:
            with _socket(loopback_host()) as probe:
                probe.bind((loopback_host(), 0))
                port: int = probe.getsockname()[1]
            if self.claim(port):
                return port

    def release(self) -> None:
        """Give all of them back."""
        while self._claims:
            self._claims.pop().close()


def _reach(host: str) -> None:
    """Listen on an address and connect to it: one of an interface that is down can be bound, and not reached."""
    with _socket(host) as listener:
        listener.bind((host, 0))
        listener.listen(1)
        socket.create_connection(listener.getsockname()[:2], _CONNECT_SECONDS).close()


def _can_listen(port: int) -> bool:
    with _socket(loopback_host()) as probe:
        # As servers do: connections of an earlier server that are still closing do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((loopback_host(), port))
        except OSError:
            return False
        return True


def _socket(host: str) -> socket.socket:
    return socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
