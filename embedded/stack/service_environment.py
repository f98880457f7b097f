"""The environment of each service of the stack: the settings that all share, and the secrets that it needs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final


class Secret(StrEnum):
    """A group of variables that only some services may have, as in compose.yaml."""

    PROVIDER = "provider"
    """Keys of provider accounts. An account may name any variable, so this is whatever no other rule knows."""
    ARCHIVE = "archive"
    """Credentials of buckets."""
    WEBHOOKS = "webhooks"
    SESSIONS = "sessions"
    FLOWER = "flower"


_GROUPS: Final = (
    (re.compile(r"REELQUEUE_WEBHOOK_KEY"), Secret.WEBHOOKS),
    (re.compile(r"REELQUEUE_API_SESSION_KEY"), Secret.SESSIONS),
    (re.compile(r"FLOWER_.*"), Secret.FLOWER),
    (re.compile(r"(AWS|GOOGLE|AZURE)_.*"), Secret.ARCHIVE),
)
_OPEN: Final = re.compile(
    r"REELQUEUE_.*|PATH|HOME|USER|LOGNAME|SHELL|TZ|LANG|LANGUAGE|LC_.*|TMPDIR|TEMP|TMP|XDG_.*|VIRTUAL_ENV|PYTHON.*"
    r"|LD_LIBRARY_PATH|DYLD_.*|SSL_CERT_(FILE|DIR)|NO_PROXY|no_proxy"
)
"""Variables that are no secrets; a proxy's address may hold a password, and leads to the provider."""


def environment_for(secrets: Iterable[Secret], variables: Mapping[str, str]) -> dict[str, str]:
    """Of some variables those that a service with these secrets may have."""
    allowed = frozenset(secrets)
    return {name: value for name, value in variables.items() if (group := _group(name)) is None or group in allowed}


def _group(name: str) -> Secret | None:
    for pattern, group in _GROUPS:
        if pattern.fullmatch(name):
            return group
    return None if _OPEN.fullmatch(name) else Secret.PROVIDER
