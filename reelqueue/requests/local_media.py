"""Embed local pictures into a request, or refuse them where a request comes from elsewhere.

Told apart from the request types, so that a server can never be talked into reading its own files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from pydantic.alias_generators import to_camel

from reelqueue.errors import InvalidRequestError
from reelqueue.media.data_uri import data_uri, local_path
from reelqueue.requests.option_table import Form, Role, names_of

PICTURE_OPTIONS: Final = names_of(roles=[Role.MEDIUM]) - {"audio_url"}
"""Options that may name a picture, which a request can embed; a sound is given by its URL."""


def _spellings(form: Form) -> Mapping[str, str]:
    """Names of picture options of a form by what they may be called: in snake_case or camelCase."""
    names = PICTURE_OPTIONS & names_of(forms=[form])
    return {spelling: name for name in names for spelling in (name, to_camel(name))}


_SINGLE: Final = _spellings(Form.URL)
_SEVERAL: Final = _spellings(Form.URLS)

_Change = Callable[[object, str], object]


def embed_local_files(options: Mapping[str, object]) -> dict[str, object]:
    """The options with every local picture (path, ``file://`` URL, bytes) as a data URI.

    Raises:
        InvalidRequestError: A file cannot be read, is empty, too big or no picture.
    """
    return change_sources(options, _embed)


def refuse_local_files(options: Mapping[str, object]) -> dict[str, object]:
    """The options unchanged; for requests that come from elsewhere.

    Raises:
        InvalidRequestError: A picture is given as a path of this machine.
    """
    return change_sources(options, _refuse)


def change_sources(options: Mapping[str, object], change: _Change) -> dict[str, object]:
    """The options with *change* applied to each source of a picture, which it is told with its option."""
    changed = dict(options)
    for key, field in _SINGLE.items():
        if key in changed:
            changed[key] = change(changed[key], field)
    for key, field in _SEVERAL.items():
        value = changed.get(key)
        if isinstance(value, (list, tuple)):
            changed[key] = tuple(change(item, field) for item in value)
    media = changed.get("media")
    if isinstance(media, (list, tuple)):
        changed["media"] = tuple(
            {**item, "url": change(item["url"], "media")} if isinstance(item, Mapping) and "url" in item else item
            for item in media
        )
    return changed


def _embed(source: object, field: str) -> object:
    if isinstance(source, (bytes, Path)):
        return data_uri(source, field=field)
    path = local_path(source) if isinstance(source, str) else None
    return source if path is None else data_uri(path, field=field)


def _refuse(source: object, field: str) -> object:
    if isinstance(source, Path) or (isinstance(source, str) and source[:5].lower() == "file:"):
        raise InvalidRequestError(
            "local_path_refused",
            f"{field}: a path on this machine is not read for a request that comes from elsewhere; "
            "the producer embeds it or gives a URL",
            field,
        )
    return source
