"""Streaming a result to a file, with its checksum; memory does not depend on the file's size."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Collection, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self

import httpx

from reelqueue.egress import WIRE_ERRORS, transport_to
from reelqueue.errors import ReelqueueError
from reelqueue.url_safety import Network, UnsafeUrlError, check_web_url
from workers.settings import DownloadLimits


class DownloadError(ReelqueueError):
    """A result could not be fetched whole."""


@dataclass(frozen=True)
class Download:
    """A file as it was written."""

    size_bytes: int
    sha256: str
    """Hex."""

    @classmethod
    def of(cls, path: Path) -> Self:
        """Size and checksum of an existing file."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
        return cls(path.stat().st_size, digest.hexdigest())


def fetch(
    url: str,
    path: Path,
    *,
    limits: DownloadLimits,
    plain_host: str | None,
    own_networks: Collection[Network] = (),
    renew: Callable[[], None] = lambda: None,
    run: Callable[[Coroutine[Any, Any, Download]], Download] = asyncio.run,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Download:
    """Stream a URL into a file.

    Args:
        url: The result's; at a public address, or anything at *plain_host*. Spelt with http, it is fetched with https
            from the same place: the signature does not cover the scheme.
        path: Overwritten.
        limits: How large and how slow it may be.
        plain_host: The simulator's host; None: the provider has TLS, and no result is inside our network.
        own_networks: What this network's DNS gives for public names.
        renew: Called with the headers and every chunk, to show that the download is alive.
        run: Runs the asynchronous part; its loop's clock is what the limits go by.
        transport: Replaces the one that reaches public addresses only.

    Raises:
        DownloadError: Anything but the whole file; it says what was seen, without the signed URL.
    """
    private_hosts = [plain_host] if plain_host else []
    try:
        checked = check_web_url(url, private_hosts=private_hosts, with_tls=True)
        chosen = transport or transport_to(checked, private_hosts=private_hosts, own_networks=own_networks)
        with path.open("wb") as file:
            return run(_Receiver(file, limits, renew).receive(checked, chosen))
    except UnsafeUrlError as error:
        raise DownloadError(f"the result's URL is not fetched: {error}") from error


class _Receiver:
    """Receives one download."""

    def __init__(self, file: BinaryIO, limits: DownloadLimits, renew: Callable[[], None]) -> None:
        self._file = file
        self._limits = limits
        self._renew = renew
        self._digest = hashlib.sha256()
        self._size_bytes = 0

    async def receive(self, url: httpx.URL, transport: httpx.AsyncBaseTransport) -> Download:
        limit = self._limits.timeout_seconds
        try:
            async with asyncio.timeout(limit), _answer(url, self._limits, transport) as response:
                self._renew()
                # As they come: a collected chunk of a slow server would be as late as it is large.
                async for chunk in response.aiter_bytes():
                    self._renew()
                    self._take(chunk)
                self._check_whole(response)
        except TimeoutError as error:
            seen = f"{self._size_bytes} bytes came"
            raise DownloadError(f"the result did not arrive within {limit:g} s ({seen})") from error
        except WIRE_ERRORS as error:
            reason = f"{type(error).__name__} {error}"
            raise DownloadError(f"the download broke off after {self._size_bytes} bytes: {reason}") from error
        return Download(self._size_bytes, self._digest.hexdigest())

    def _take(self, chunk: bytes) -> None:
        self._size_bytes += len(chunk)
        if self._size_bytes > self._limits.max_bytes:
            raise DownloadError(f"the result is larger than {self._limits.max_bytes} bytes")
        self._digest.update(chunk)
        self._file.write(chunk)

    def _check_whole(self, response: httpx.Response) -> None:
        # The declared length is that of the bytes as they were sent, which a server may have compressed unasked.
        declared, received = response.headers.get("Content-Length", ""), response.num_bytes_downloaded
        if declared.isdigit() and int(declared) != received:
            raise DownloadError(f"the result is short: {received} of {declared} bytes")
        if self._size_bytes == 0:
            raise DownloadError("the result is empty")


@asynccontextmanager
async def _answer(
    url: httpx.URL, limits: DownloadLimits, transport: httpx.AsyncBaseTransport
) -> AsyncIterator[httpx.Response]:
    timeout = httpx.Timeout(connect=10, read=limits.read_seconds, write=10, pool=5)
    # No redirect is followed: a signed result never has one, and it could lead into our network.
    async with httpx.AsyncClient(transport=transport, follow_redirects=False, timeout=timeout) as client:
        request = client.build_request("GET", url, headers={"Accept-Encoding": "identity"})
        try:
            async with asyncio.timeout(limits.headers_seconds):
                response = await client.send(request, stream=True)
        except TimeoutError as error:
            raise DownloadError(f"the result's server sent no headers in {limits.headers_seconds:g} s") from error
        try:
            if response.status_code != 200:
                raise DownloadError(f"the result's URL answered HTTP {response.status_code}")
            yield response
        finally:
            await response.aclose()
