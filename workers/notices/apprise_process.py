"""``python -m workers.notices.apprise_process``: sends messages to one channel through Apprise.

Apprise speaks two hundred services, each with its own time limits and log lines. In a process of its own it takes so
long and no longer, holds no thread of a worker, and connects to public addresses only: whatever of it looks a name up
does so through the one function that is replaced here.

The order comes on the standard input as JSON, since a command line is public on its host; a line of JSON comes back
for the channel's URL, and one for each message as soon as it was sent.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import re
import socket
import sys
import urllib.parse
import urllib.request
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from reelqueue.url_safety import Network, UnsafeUrlError, check_web_url, is_public

_LONGEST_REASON: Final = 200
_SHORTEST_SECRET: Final = 6
"""Shorter parts of a URL are words such as a port; each longer one may be a token."""


def main() -> None:
    """Carry out the order of the standard input."""
    order = json.load(sys.stdin)
    for answer in _answers(order):
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _answers(order: Mapping[str, Any]) -> Iterator[str | None]:
    """Why the URL is refused, then for each message why it was not sent; None where all is well."""
    private_hosts = frozenset(order["private_hosts"])
    guard = _Guard(private_hosts, [ipaddress.ip_network(one) for one in order["own_networks"]])
    reasons = _Reasons(order["url"])
    try:
        plugin = _open(order["url"])
        _check(plugin, private_hosts)
    except UnsafeUrlError as error:
        yield str(error)
        return
    yield None
    for message in order["messages"]:
        is_sent = plugin.notify(**message)
        yield None if is_sent else reasons.hide(guard.take() or reasons.take() or "it was not accepted")


class _Guard:
    """Lets names lead to public addresses only; what was looked up is what is connected to."""

    def __init__(self, private_hosts: Collection[str], own_networks: Collection[Network]) -> None:
        # Behind a proxy of the operator's, the proxy looks names up, so it is the proxy's rules that keep them outside.
        proxies = {urllib.parse.urlsplit(one).hostname for one in urllib.request.getproxies().values()}
        self._inside = {*private_hosts, *proxies}
        self._own_networks = own_networks
        self._look_up = socket.getaddrinfo
        self.refused: str | None = None
        """Why the last message was not let through."""
        socket.getaddrinfo = self._guarded

    def take(self) -> str | None:
        """Why a message was not let through, once."""
        refused, self.refused = self.refused, None
        return refused

    def _guarded(self, host: Any, *rest: Any, **more: Any) -> Any:  # noqa: ANN401 -- as the one that it replaces
        found = self._look_up(host, *rest, **more)
        name = host.decode() if isinstance(host, bytes) else str(host)
        networks = () if _is_address(name) else self._own_networks
        inside = [one for one in found if not is_public(str(one[4][0]), own_networks=networks)]
        if inside and name.lower() not in self._inside:
            self.refused = f"{name} has an address that is not of the public internet"
            raise socket.gaierror(socket.EAI_NONAME, self.refused)
        return found


class _Reasons(logging.Handler):
    """The last warning of Apprise's, which tells why something was not sent, without what the URL holds."""

    def __init__(self, url: str) -> None:
        super().__init__(logging.WARNING)
        self.last: str | None = None
        parts = re.split(r"[/:@?&=,#\s]+", f"{url} {urllib.parse.unquote(url)}")
        self._secrets = sorted({part for part in parts if len(part) >= _SHORTEST_SECRET}, key=len, reverse=True)
        logger = logging.getLogger("apprise")
        logger.addHandler(self)
        logger.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.last = record.getMessage()

    def take(self) -> str | None:
        """The last warning, once."""
        last, self.last = self.last, None
        return last

    def hide(self, reason: str) -> str:
        """The first line of a reason, with each part of the URL that may be a token replaced."""
        said = " ".join(reason.split())
        for secret in self._secrets:
            said = said.replace(secret, "…")
        return said[:_LONGEST_REASON]


def _open(url: str) -> Any:  # noqa: ANN401 -- a plugin of Apprise's
    import apprise  # no worker needs it, and it takes as long as one to start

    asset = apprise.AppriseAsset(
        app_id="Reelqueue", app_desc="Reelqueue", app_url="", http_redirects=False, storage_mode="memory"
    )
    plugin = apprise.Apprise.instantiate(url, asset=asset)
    if plugin is None:
        raise UnsafeUrlError(
            "Apprise cannot read it; docs/notifications.md has one URL of each kind, https://appriseit.com all of them"
        )
    return plugin


def _check(plugin: Any, private_hosts: Collection[str]) -> None:  # noqa: ANN401
    """Refuse a host inside the network, and one that is spoken to without TLS.

    Raises:
        UnsafeUrlError: It is one.
    """
    host = _host_of(plugin)
    if host is None or host in private_hosts:
        return
    check_web_url(f"https://[{host}]" if ":" in host else f"https://{host}", private_hosts=private_hosts)
    if not plugin.secure:
        kinds = plugin.secure_protocol
        secure = kinds if isinstance(kinds, str) or not kinds else kinds[0]
        raise UnsafeUrlError(f"it sends without TLS; begin it with {secure}://" if secure else "it sends without TLS")


def _host_of(plugin: Any) -> str | None:  # noqa: ANN401
    """The host that a URL names; None where its service has one address for all."""
    named = getattr(plugin, "smtp_host", None)
    if not named and any("{host}" in template for template in plugin.templates):
        named = plugin.host
    return str(named).lower().strip("[]") if named else None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


if __name__ == "__main__":
    main()
