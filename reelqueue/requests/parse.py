"""Parse a flat object into one of the four request types, by its mode, model and media.

>>> parse_request({"model": "wan2.6-t2v", "prompt": "a paper boat", "negativePrompt": "rain"}).mode
<Mode.TEXT_TO_VIDEO: 'text-to-video'>
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic.alias_generators import to_snake

from reelqueue.catalog import Mode, lookup, mode_by_id
from reelqueue.errors import InvalidRequestError
from reelqueue.requests.base import RenderRequest
from reelqueue.requests.local_media import embed_local_files, refuse_local_files
from reelqueue.requests.media_item import MediaItem
from reelqueue.requests.option_table import EVERY_OPTION
from reelqueue.requests.types import REQUEST_TYPES


def parse_request(data: Mapping[str, object], *, local_files: bool = False) -> RenderRequest:
    """The request that a flat object stands for.

    Args:
        data: ``model``, optionally ``mode``, and options in snake_case or camelCase; None leaves one out.
        local_files: Whether pictures may be paths on this machine, which are then read and embedded.
            Only a producer says True, and only for its own files: a server that did would hand its files
            to any caller.

    Raises:
        InvalidRequestError: The request cannot be rendered as it stands; nothing has been sent.
    """
    options = {name: value for name, value in data.items() if value is not None or to_snake(name) not in EVERY_OPTION}
    model = options.get("model")
    if not isinstance(model, str):
        raise InvalidRequestError("missing_option", "model: give the id of a model, such as wan2.6-t2v", "model")
    mode = _mode(options.pop("mode", None), model, options)
    options = embed_local_files(options) if local_files else refuse_local_files(options)
    return REQUEST_TYPES[mode](**options)


def _mode(stated: object, model: str, options: Mapping[str, object]) -> Mode:
    if stated is not None:
        return _stated_mode(stated)
    spec = lookup(model)
    if spec is None and not model.startswith("wan3"):
        return mode_by_id(model)
    if spec is not None and len(spec.modes) == 1:
        return spec.modes[0]
    return _mode_by_media(options)


def _stated_mode(stated: object) -> Mode:
    for mode in Mode:
        if mode == stated:
            return mode
    raise InvalidRequestError("wrong_mode", f"mode: must be one of {', '.join(Mode)}, not {stated!r}", "mode")


def _mode_by_media(options: Mapping[str, object]) -> Mode:
    media = options.get("media")
    items = media if isinstance(media, (list, tuple)) else ()
    roles = {str(item.get("type")) for item in items if isinstance(item, Mapping)}
    roles |= {item.type for item in items if isinstance(item, MediaItem)}
    if options.get("reference_urls") or options.get("referenceUrls") or roles - {"first_frame", "last_frame"}:
        return Mode.REFERENCE_TO_VIDEO
    has_frame = roles or any(options.get(name) is not None for name in ("image", "last_frame", "lastFrame"))
    return Mode.IMAGE_TO_VIDEO if has_frame else Mode.TEXT_TO_VIDEO
