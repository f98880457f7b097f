"""SSRF-safe HTTP transport for URLs from outside: results, webhooks and references reach public addresses only.

The owner of a name decides what it points at, and may change it between two look-ups. So a name is looked up
once, every address that it has must be public, and the connection goes to the address that was looked at, while
TLS and the ``Host`` header keep the name. Redirects are for callers to refuse.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import logging
import socket
import ssl
import urllib.request
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final

import httpx

from reelqueue.url_safety import Network, UnsafeUrlError, is_public

log: logging.Logger = logging.getLogger(__name__)

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""From a name and a port to the name's addresses."""

_PORTS: Final = {"http": 80, "https": 443}

WIRE_ERRORS: Final = (httpx.HTTPError, httpx.InvalidURL, UnicodeError)
"""What httpx raises for what a server sends. It reads the target of a redirect that is not followed as well, and a host
such as ``xn--`` in it is no HTTPError."""


async def look_up(name: str, port: int) -> Sequence[str]:
    """The addresses that the system's resolver knows for a name, best first.

    Raises:
        httpx.ConnectError: It knows none.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpx.ConnectError(f"{name} has no address: {error}") from error
    return [str(address[0]) for *_, address in found]


class PinnedTransport(httpx.AsyncBaseTransport):
    """Sends only to public addresses, and only to those it has checked itself.

    Args:
        private_hosts: Hosts inside our own network that may be reached all the same.
        own_networks: What the operator's DNS gives for public names.
        resolve: Looks names up.
        inner: What sends; it is given URLs with an address for a host.
    """

    def __init__(
        self,
        *,
        private_hosts: Collection[str] = (),
        own_networks: Collection[Network] = (),
        resolve: Resolve = look_up,
        inner: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._private_hosts = private_hosts
        self._own_networks = own_networks
        self._resolve = resolve
        # No connection is kept: the next name at the same address must shake hands for itself.
        self._inner = inner or httpx.AsyncHTTPTransport(
            verify=tls_context(), trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send to the first of the host's addresses that takes the connection.

        Raises:
            UnsafeUrlError: One of them is not public; nothing was sent to any.
        """
        host = request.url.raw_host.decode("ascii")
        failed: httpx.TransportError = httpx.ConnectError(f"{host} has no address", request=request)
        for address in await self._addresses(host, request.url.port or _PORTS[request.url.scheme]):
            try:
                return await self._inner.handle_async_request(_pinned(request, host, address))
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:  # nothing was sent yet
                failed = error
        raise failed

    async def aclose(self) -> None:
        """Close what sends."""
        await self._inner.aclose()

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        addresses = await self._resolve(host, port)
        if host in self._private_hosts:
            return addresses
        # A host that is written as an address was not looked up, so no network of the operator's stands for it.
        networks = () if _is_address(host) else self._own_networks
        inside = [each for each in addresses if not is_public(each, own_networks=networks)]
        if inside:
            # The address is the operator's to know: the error may be shown to the person who chose the name.
            log.warning("%s is at %s; if that is a proxy or VPN of yours, set REELQUEUE_OWN_NETWORKS", host, inside[0])
            raise UnsafeUrlError(f"{host} has an address that is not of the public internet")
        return addresses


def transport_to(
    url: httpx.URL, *, private_hosts: Collection[str] = (), own_networks: Collection[Network] = ()
) -> httpx.AsyncBaseTransport:
    """What may send to a URL that was checked as it is written.

    Behind a proxy of the operator's, the proxy looks names up, so it is the proxy's rules that keep them outside.
    """
    host = url.raw_host.decode("ascii")
    proxy = None if host in private_hosts else urllib.request.getproxies().get(url.scheme)
    if proxy and not urllib.request.proxy_bypass(host):
        # No connection is kept: a transport is for one URL.
        limits = httpx.Limits(max_keepalive_connections=0)
        return httpx.AsyncHTTPTransport(verify=tls_context(), trust_env=False, proxy=proxy, limits=limits)
    return PinnedTransport(private_hosts=private_hosts, own_networks=own_networks)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


@functools.cache
def tls_context() -> ssl.SSLContext:
    """The trusted certificates, read once: it takes tens of milliseconds."""
    return httpx.create_ssl_context()


def _pinned(request: httpx.Request, host: str, address: str) -> httpx.Request:
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,  # with the Host of the URL as it was
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": host},
    )
