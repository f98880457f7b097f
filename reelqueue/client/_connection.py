"""Base URL, headers, timeouts and transport of both clients."""

from __future__ import annotations

import os
from typing import Any, Final

import httpx

from reelqueue.errors import ConfigurationError
from reelqueue.loopback import is_loopback
from reelqueue.version import USER_AGENT

DEFAULT_API_URL: Final = "http://127.0.0.1:8000"

REQUEST_SECONDS: Final = 30.0
"""Longest silence of the server within one request, by default."""

CONNECT_SECONDS: Final = 5.0


def httpx_options(base_url: str | None, api_key: str | None, timeout_seconds: float) -> dict[str, Any]:
    """Options that `httpx.Client` and `httpx.AsyncClient` share.

    Raises:
        ConfigurationError: the URL or the key cannot be used.
    """
    url = _base_url(base_url or os.environ.get("REELQUEUE_API_URL") or DEFAULT_API_URL)
    key = api_key or os.environ.get("REELQUEUE_API_KEY")
    return {
        "base_url": url,
        "headers": {"User-Agent": USER_AGENT, **_authorization(key)},
        "timeout": httpx.Timeout(timeout_seconds, connect=min(timeout_seconds, CONNECT_SECONDS)),
        # A redirect would carry the key and the request to wherever the answer says.
        "follow_redirects": False,
        # A proxy from the environment cannot see this machine's loopback.
        "trust_env": not is_loopback(url.host),
    }


def _base_url(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
        has_host = bool(url.host)  # raises for a broken name of the form xn--…
    except (httpx.InvalidURL, UnicodeError) as error:
        raise ConfigurationError(f"{text!r} is no URL ({error}); {_REMEDY}") from error
    if url.scheme not in {"http", "https"} or not has_host:
        raise ConfigurationError(f"{text!r} is no http or https URL with a host; {_REMEDY}")
    return url


_REMEDY: Final = f"set base_url or REELQUEUE_API_URL to the API's address, such as {DEFAULT_API_URL}"


def _authorization(key: str | None) -> dict[str, str]:
    if not key:
        return {}
    if not (key.isascii() and key.isprintable()) or " " in key:
        # The key itself stays out of the message: it may be right but for a line feed at its end.
        raise ConfigurationError(
            "the API key has characters that no key has, such as a space or line feed; set REELQUEUE_API_KEY again"
        )
    return {"Authorization": f"Bearer {key}"}
