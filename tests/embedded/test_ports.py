"""Two stacks never choose the same port, however close their starts are."""

from __future__ import annotations

import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.processes.ports import PortClaims, loopback_host, loopback_url
from reelqueue.errors import ConfigurationError

ROOT = Path(__file__).parents[2]
LOOK = """
from embedded.processes.ports import loopback_url
from reelqueue.errors import ConfigurationError
try:
    print(loopback_url(8000))
except ConfigurationError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has names that go with their process")
def test_a_port_is_claimed_once_before_anybody_listens(claims: PortClaims) -> None:
    port = claims.claim_free()

    assert not PortClaims().claim(port)


def test_a_port_on_which_somebody_listens_is_taken(claims: PortClaims) -> None:
    with socket.create_server((loopback_host(), 0)) as stranger:
        assert not claims.claim(stranger.getsockname()[1])


def test_a_released_port_can_be_claimed_again(claims: PortClaims) -> None:
    port = claims.claim_free()
    claims.release()

    assert claims.claim(port)


@pytest.mark.parametrize(
    ("host", "url"), [("127.0.0.2", "http://127.0.0.2:8000"), ("127.0.0.1", "http://127.0.0.1:8000")]
)
def test_an_operator_chooses_the_loopback_address(monkeypatch: pytest.MonkeyPatch, host: str, url: str) -> None:
    monkeypatch.setenv("REELQUEUE_LOOPBACK_HOST", host)
    loopback_host.cache_clear()

    assert loopback_url(8000) == url


@pytest.mark.parametrize("host", ["198.51.100.7", "192.0.2.1", "example.com"])
def test_no_other_address_is_listened_on(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("REELQUEUE_LOOPBACK_HOST", host)
    loopback_host.cache_clear()

    with pytest.raises(ConfigurationError, match=f"REELQUEUE_LOOPBACK_HOST: '{host}' is no loopback address"):
        loopback_host()


@pytest.mark.parametrize(
    ("network", "told"),
    [
        ("ip link set lo up && ip addr del 127.0.0.1/8 dev lo", "http://[::1]:8000"),
        ("ip link set lo up && ip -6 addr flush dev lo", "http://127.0.0.1:8000"),
        ("true", "enable the loopback interface (ip link set lo up)"),
    ],
)
def test_a_machine_is_reached_by_the_address_that_it_has(network: str, told: str) -> None:
    if not can_unshare():
        pytest.skip("making a network needs root, unshare and ip")
    look = f"{network} && exec {shlex.quote(sys.executable)} -c {shlex.quote(LOOK)}"

    found = subprocess.run(
        ["/usr/bin/unshare", "-n", "sh", "-c", look], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )

    assert told in found.stdout


def can_unshare() -> bool:
    """Whether a network of one's own can be made here."""
    probe = ["/usr/bin/unshare", "-n", "ip", "link", "set", "lo", "up"]
    try:
        return subprocess.run(probe, capture_output=True, timeout=60, check=False).returncode == 0
    except OSError:
        return False


@pytest.fixture(autouse=True)
def looks_again() -> Iterator[None]:
    """Each test asks the machine for itself."""
    yield
    loopback_host.cache_clear()


@pytest.fixture
def claims() -> Iterator[PortClaims]:
    claims = PortClaims()
    yield claims
    claims.release()
