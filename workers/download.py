"""Streaming a result to a file, with its checksum; memory does not depend on the file's size."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

import httpx

from reelqueue.errors import ReelqueueError

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


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
        """Of a file that is there."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
        return cls(path.stat().st_size, digest.hexdigest())


def fetch(
    url: str,
    path: Path,
    *,
    max_bytes: int,
    timeout_seconds: float,
    read_seconds: float,
    plain_host: str | None,
    beat: Callable[[], None] = lambda: None,
    seconds: Callable[[], float] = time.monotonic,
    transport: httpx.BaseTransport | None = None,
) -> Download:
    """Stream a URL into a file.

    Args:
        url: The result's; https, or http at *plain_host*.
        path: Overwritten.
        max_bytes: A larger file is refused, whatever its headers said.
        timeout_seconds: For the whole download.
        read_seconds: Without a byte.
        plain_host: The simulator's host; None: the provider has TLS, and no result is on this machine.
        beat: Called with every chunk, to show that the download is alive.
        seconds: The clock that *timeout_seconds* goes by.
        transport: Replaces httpx's own.

    Raises:
        DownloadError: Anything but the whole file; it says what was seen, without the signed URL.
    """
    _check_host(url, plain_host=plain_host)
    deadline = seconds() + timeout_seconds
    digest, size = hashlib.sha256(), 0
    try:
        opened = _open(url, read_seconds, trust_env=plain_host is None, transport=transport)
        with opened as response, path.open("wb") as file:
            # As they come: a collected chunk of a slow server would be as late as it is large.
            for chunk in response.iter_bytes():
                beat()
                size += len(chunk)
                if size > max_bytes:
                    raise DownloadError(f"the result is larger than {max_bytes} bytes")
                if seconds() > deadline:
                    raise DownloadError(f"the result did not arrive within {timeout_seconds:g} s ({size} bytes came)")
                digest.update(chunk)
                file.write(chunk)
            _check_length(response, size)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise DownloadError(f"the download broke off after {size} bytes: {type(error).__name__} {error}") from error
    return Download(size, digest.hexdigest())


def _check_host(url: str, *, plain_host: str | None) -> None:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise DownloadError(f"the result's URL cannot be read: {type(error).__name__}") from None
    is_plain_host = plain_host is not None and parts.hostname == plain_host
    if parts.username or parts.password or (parts.hostname in _LOOPBACK and not is_plain_host):
        raise DownloadError(f"the result's URL points at {parts.hostname}, which no provider's result does")
    if parts.scheme != "https" and not (is_plain_host and parts.scheme == "http"):
        raise DownloadError(f"the result's URL has scheme {parts.scheme or 'none'}, not https")


@contextmanager
def _open(
    url: str, read_seconds: float, *, trust_env: bool, transport: httpx.BaseTransport | None
) -> Iterator[httpx.Response]:
    # No redirect is followed: a signed result never has one, and it could lead into our network.
    timeout = httpx.Timeout(connect=10, read=read_seconds, write=10, pool=5)
    with (
        httpx.Client(follow_redirects=False, trust_env=trust_env, timeout=timeout, transport=transport) as client,
        client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as response,
    ):
        if response.status_code != 200:
            raise DownloadError(f"the result's URL answered HTTP {response.status_code}")
        yield response


def _check_length(response: httpx.Response, size: int) -> None:
    declared = response.headers.get("Content-Length", "")
    if declared.isdigit() and int(declared) != size:
        raise DownloadError(f"the result is short: {size} of {declared} bytes")
    if size == 0:
        raise DownloadError("the result is empty")
