"""TCP ports of loopback for one stack, so that two stacks never choose the same."""

from __future__ import annotations

import socket
import sys

HOST = "127.0.0.1"
"""Everything listens here only."""


class PortClaims:
    """Ports that this process has chosen for its services, until it ends or releases them.

    A service listens seconds after its port was chosen. Meanwhile a name of the kernel's, in the abstract namespace
    of Unix sockets, tells other stacks that the port is taken; it goes with the process, however that ends. Off Linux
    there is no such namespace, and two stacks that start within a second may collide.
    """

    def __init__(self) -> None:
        self._claims: list[socket.socket] = []

    def claim(self, port: int) -> bool:
        """Take a port; False if somebody listens on it or another stack has claimed it, and for 0, which is none."""
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
            with socket.socket() as probe:
                probe.bind((HOST, 0))
                port: int = probe.getsockname()[1]
            if self.claim(port):
                return port

    def release(self) -> None:
        """Give all of them back."""
        while self._claims:
            self._claims.pop().close()


def _can_listen(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: connections of an earlier server that are still closing do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
