"""Two stacks never choose the same port, however close their starts are."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator

import pytest

from embedded.processes.ports import HOST, PortClaims


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has names that go with their process")
def test_a_port_is_claimed_once_before_anybody_listens(claims: PortClaims) -> None:
    port = claims.claim_free()

    assert not PortClaims().claim(port)


def test_a_port_on_which_somebody_listens_is_taken(claims: PortClaims) -> None:
    with socket.create_server((HOST, 0)) as stranger:
        assert not claims.claim(stranger.getsockname()[1])


def test_a_released_port_can_be_claimed_again(claims: PortClaims) -> None:
    port = claims.claim_free()
    claims.release()

    assert claims.claim(port)


@pytest.fixture
def claims() -> Iterator[PortClaims]:
    claims = PortClaims()
    yield claims
    claims.release()
