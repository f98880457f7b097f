"""Check that a URL from outside leads to the public internet (protection against SSRF).

A URL is checked twice: as it is written, here, and by every address that its name has at the moment of sending
(:mod:`reelqueue.egress`), because a name that was harmless yesterday may point inside today.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from typing import Final

import httpx

from reelqueue.errors import ReelqueueError

_NAME: Final = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
# What Python's own table calls global, in one of its versions, and where no receiver of ours can be.
_CLOSED_V4: Final = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "168.63.129.16/32",  # Azure's host services: a public address that means the machine itself
            "192.0.0.0/24",  # protocol assignments, Oracle's metadata among them (RFC 6890)
            "192.88.99.0/24",  # 6to4 relays (RFC 7526)
        ),
    )
)
_CLOSED_V6: Final = tuple(
    map(
        ipaddress.IPv6Network,
        (
            "2001::/23",  # protocol assignments, Teredo among them: an IPv4 address inside (RFC 4380)
            "2001:db8::/32",  # documentation (RFC 3849)
            "2002::/16",  # 6to4: an IPv4 address inside (RFC 3056)
            "3fff::/20",  # documentation (RFC 9637)
        ),
    )
)


class UnsafeUrlError(ReelqueueError):
    """A URL leads, or may lead, to somewhere other than a public web server; it is not quoted: it may be signed."""


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def is_public(address: str, *, own_networks: Collection[Network] = ()) -> bool:
    """Whether an IP address is one of the public internet, or may stand for one.

    Args:
        address: As resolvers and sockets write it; anything else is not public.
        own_networks: What the operator's DNS gives for public names, such as the addresses of a proxy or a VPN.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if any(parsed in network for network in own_networks):
        return True
    if isinstance(parsed, ipaddress.IPv4Address):
        return _is_public_v4(parsed)
    if parsed in _NAT64:  # on a network without IPv4, every IPv4 server is reached through such an address
        return _is_public_v4(ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF))
    # ::ffff:127.0.0.1 and its like are outside global unicast.
    return parsed in _GLOBAL_UNICAST and parsed.is_global and not any(parsed in closed for closed in _CLOSED_V6)


def check_web_url(url: str, *, private_hosts: Collection[str] = (), with_tls: bool = False) -> httpx.URL:
    """A URL as it would be sent to, if its spelling allows that.

    Args:
        url: Anything.
        private_hosts: Hosts inside our own network that the operator lets be reached, also over plain http.
        with_tls: Send to any other host with https, also where the URL says http.

    Raises:
        UnsafeUrlError: It is no https URL, has a user or password, or names no public host.
    """
    try:
        parsed = httpx.URL(url)
        is_private_host = parsed.host in private_hosts  # raises for a broken name of the form xn--…
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise UnsafeUrlError(f"it cannot be read: {type(error).__name__}") from None
    if with_tls and parsed.scheme == "http" and not is_private_host:
        parsed = parsed.copy_with(scheme="https")
    if parsed.scheme != "https" and not (is_private_host and parsed.scheme == "http"):
        raise UnsafeUrlError(f"its scheme is {parsed.scheme or 'missing'}, not https")
    if parsed.userinfo:
        raise UnsafeUrlError("it has a user or password in it")
    if parsed.port is not None and not 0 < parsed.port < 65536:
        raise UnsafeUrlError(f"its port is {parsed.port}")
    if not is_private_host:
        _check_host(parsed.raw_host.decode("ascii"))
    return parsed


def _is_public_v4(address: ipaddress.IPv4Address) -> bool:
    return address.is_global and not address.is_multicast and not any(address in closed for closed in _CLOSED_V4)


def _check_host(host: str) -> None:
    last = host.rstrip(".").rpartition(".")[2]
    # 127.1, 0x7f000001 and 0177.0.0.1 are addresses to a resolver, so only the plain spelling may pass.
    is_address = ":" in host or last.isdecimal() or last.startswith("0x")
    if not is_public(host) if is_address else last == "localhost" or not _NAME.fullmatch(host):
        raise UnsafeUrlError(f"it points at {host or 'no host'}, which is not on the public internet")
