"""Resolve paths of pictures in a campaign file to files in its folder or below, and to no others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from reelqueue.campaigns.named_file import find_file
from reelqueue.errors import InvalidRequestError
from reelqueue.media.data_uri import local_path
from reelqueue.requests.local_media import PICTURE_OPTIONS, change_sources


def beside(options: dict[str, object], folder: Path) -> dict[str, object]:
    """The options with every path of a picture as a file below *folder*.

    A campaign file may come from another person; it must not name files of the machine that reads it.

    Raises:
        InvalidRequestError: A path leads elsewhere.
    """
    if not PICTURE_OPTIONS & options.keys():
        return options
    root = folder.resolve()

    def find(source: object, option: str) -> object:
        path = local_path(source) if isinstance(source, str) else None
        if path is None:
            return source
        try:
            found = find_file(root, path)
        except (OSError, ValueError, RuntimeError) as error:
            raise _refused(option, f"{str(path)[:80]!r} is no path") from error
        if not found.is_relative_to(root):
            raise _refused(option, f"{str(path)[:80]!r} is not below the folder of the campaign file")
        return found

    return change_sources(options, find)


def paths_of(options: Mapping[str, object]) -> dict[str, str]:
    """The paths among the sources of pictures, as they are written, by place: ``image``, ``reference_urls.1``."""
    if not PICTURE_OPTIONS & options.keys():
        return {}
    named = ((place, source) for place, source in _sources(options) if isinstance(source, str))
    return {place: source for place, source in named if local_path(source) is not None}


def _sources(options: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for name in PICTURE_OPTIONS & options.keys():
        value = options[name]
        if not isinstance(value, (list, tuple)):
            yield name, value
            continue
        for number, item in enumerate(value):
            yield f"{name}.{number}", item.get("url") if isinstance(item, Mapping) else item


def _refused(option: str, why: str) -> InvalidRequestError:
    return InvalidRequestError("local_path_refused", f"{option}: {why}", option)
