"""Check that the pictures, videos and sounds of a campaign can be fetched; the only part that uses a network.

Only asked for by name. Every distinct URL is asked for its head once, with a few at a time. The file may be a
stranger's, so a question goes to public addresses alone, each redirect included: a server of the reader's own network
shall not be asked in his name, and the provider could not fetch from it either.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import httpx

from reelqueue.campaigns.clips import Clip
from reelqueue.egress import WIRE_ERRORS, transport_to
from reelqueue.requests.media_roles import placed_media
from reelqueue.requests.rules.capabilities import spec_of
from reelqueue.url_safety import UnsafeUrlError, check_web_url
from reelqueue.version import USER_AGENT

_AT_A_TIME: Final = 8
_SECONDS_MAX: Final = 10.0
"""For one URL, in which a service that must fetch it for a render would have given up, too."""
_REDIRECTS_MAX: Final = 5
URLS_MAX: Final = 20_000
"""Distinct ones that are asked; a campaign of a million rows mostly shares its references."""


class PublicTransport(httpx.AsyncBaseTransport):
    """Carries each request, redirects included, to public addresses only."""

    def __init__(self, transport: Callable[[httpx.URL], httpx.AsyncBaseTransport] = transport_to) -> None:
        """Connect to nothing yet.

        Args:
            transport: Makes what sends to a URL that was checked as it is written.
        """
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it.

        Raises:
            UnsafeUrlError: Its URL leads elsewhere; nothing was sent.
        """
        check_web_url(str(request.url), with_tls=True)  # the provider fetches plain http, too
        return await self._transport(request.url).handle_async_request(request)


@dataclass(frozen=True, slots=True)
class Unreachable:
    """A reference that the service would not get."""

    url: str
    """Without its query, which may be a signature."""
    why: str


def urls_of(clip: Clip) -> Iterator[str]:
    """Every http and https URL that a clip sends."""
    media = placed_media(clip.request, spec_of(clip.request))
    urls = [url for medium in media for url in (medium.url, medium.voice)]
    yield from {url for url in (*urls, clip.request.given("audio_url")) if url and url.startswith("http")}


def check_urls(urls: Iterable[str], transport: httpx.AsyncBaseTransport | None = None) -> Mapping[str, Unreachable]:
    """What cannot be fetched, by its URL.

    Args:
        urls: Each is asked once; an environment's proxy settings are honoured.
        transport: What carries the questions; None: the public internet.
    """
    return asyncio.run(_check_all(sorted(set(urls))[:URLS_MAX], transport or PublicTransport()))


async def _check_all(urls: list[str], transport: httpx.AsyncBaseTransport) -> dict[str, Unreachable]:
    turns = asyncio.Semaphore(_AT_A_TIME)
    async with httpx.AsyncClient(
        transport=transport,
        timeout=_SECONDS_MAX,
        follow_redirects=True,
        max_redirects=_REDIRECTS_MAX,
        headers={"User-Agent": USER_AGENT},
    ) as client:
        found = await asyncio.gather(*(_check(client, turns, url) for url in urls))
    return {url: Unreachable(url.partition("?")[0], why) for url, why in zip(urls, found, strict=True) if why}


async def _check(client: httpx.AsyncClient, turns: asyncio.Semaphore, url: str) -> str | None:
    async with turns:
        try:
            async with asyncio.timeout(_SECONDS_MAX):
                return await _ask(client, url)
        except TimeoutError:
            return f"it does not answer within {_SECONDS_MAX:g} s"
        except UnsafeUrlError as error:
            return f"the provider could not fetch it ({error})"
        except (*WIRE_ERRORS, ValueError) as error:
            return f"it cannot be reached ({type(error).__name__})"


async def _ask(client: httpx.AsyncClient, url: str) -> str | None:
    answer = await client.head(url)
    if answer.status_code in {403, 405, 501}:
        # Signed URLs and simple servers answer GET alone; of its body nothing is read.
        async with client.stream("GET", url) as answer:
            return _told(answer)
    return _told(answer)


def _told(answer: httpx.Response) -> str | None:
    if answer.status_code >= 400:
        return f"it answers {answer.status_code}"
    if answer.headers.get("content-type", "").startswith("text/html"):
        return "it is a web page, not a picture, video or sound"
    return None
