"""Messages of the AI SDK in terms of ours."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import httpx

from reelqueue.errors import InvalidRequestError
from reelqueue.qwen.wire.images import media_type_of
from reelqueue.qwen.wire.json_text import json_text

_DATA_URL: Final = re.compile(r"data:(?P<mime>[^,;]*)(?:;[^,]*)?,(?P<data>.*)", re.DOTALL)
_WEB_URL: Final = re.compile(r"https?://", re.IGNORECASE)
_WITHOUT_PATH: Final = re.compile(r"(?P<host>https?://[^/?#]+)(?P<rest>(?:[?#].*)?)")
_OTHER_URL: Final = re.compile(r"[a-z][a-z0-9+.-]+:", re.IGNORECASE)
_DENIED: Final = "Tool call execution denied."

Object = dict[str, Any]


def refuse(code: str, message: str, field: str | None = "messages") -> InvalidRequestError:
    """An error of this translation."""
    return InvalidRequestError(code, message, field)


def translated_messages(messages: object) -> list[Object]:
    """The messages as `TextRequest` takes them.

    Raises:
        InvalidRequestError: A part is of a kind that cannot be sent, or an option is not known.
    """
    if not isinstance(messages, list):
        raise refuse("wrong_type", "messages: must be a list")
    found = [_message(message) for message in messages]
    return [message for message in found if message["role"] != "tool" or message["content"]]


def translated_system(system: object) -> list[Object]:
    """The system text, message or messages of a call."""
    if isinstance(system, str):
        return [{"role": "system", "content": system}]
    return translated_messages([_as_system(each) for each in (system if isinstance(system, list) else [system])])


def _as_system(message: object) -> object:
    return {**message, "role": "system"} if isinstance(message, Mapping) else message


def _message(message: object) -> Object:
    if not isinstance(message, Mapping):
        raise refuse("wrong_type", "messages: must hold objects")
    role, content = message.get("role"), message.get("content")
    found: Object = {"role": role, "content": content}
    if (marker := _marker(message)) is not None:
        found["cache_control"] = marker
    if isinstance(content, list):
        parts = (_part(str(role), part) for part in content)
        found["content"] = [part for part in parts if part is not None]
    return found


def _part(role: str, part: object) -> Object | None:
    if not isinstance(part, Mapping):
        raise refuse("wrong_type", "messages: content must hold objects")
    kind, marker = str(part.get("type")), _marker(part)
    translate = _PARTS.get((role, kind))
    if (role, kind) in _UNSENT:
        return None
    if translate is None:
        raise refuse("unsupported_part", f"messages: a message of {role} takes no part of type {kind!r:.64}")
    # A marker on a part of an answer is not sent, as in the SDK; it belongs on the message.
    return translate(part) | ({"cache_control": marker} if marker is not None and role != "assistant" else {})


def _text(part: Mapping[str, Any]) -> Object:
    return {"type": "text", "text": part.get("text")}


def _reasoning(part: Mapping[str, Any]) -> Object:
    return {"type": "reasoning", "text": part.get("text")}


def _image(part: Mapping[str, Any]) -> Object:
    return _picture(part.get("image"), part.get("mediaType") or "image")


def _file(part: Mapping[str, Any]) -> Object:
    return _picture(part.get("data"), part.get("mediaType") or "")


def _picture(source: object, media_type: str) -> Object:
    if isinstance(source, Mapping):
        kind = source.get("type")
        if kind not in {"data", "url"}:
            raise refuse("unsupported_part", f"messages: file data of type {kind!r:.64} cannot be sent")
        source = source.get(str(kind))
    if isinstance(source, str) and (embedded := _DATA_URL.fullmatch(source)):
        media_type, source = embedded["mime"], embedded["data"]
    if isinstance(source, str) and _WEB_URL.match(source):
        _check_image(media_type)
        return {"type": "image", "image": _as_browsers_write(source)}
    if isinstance(source, str) and _OTHER_URL.match(source):
        raise refuse("bad_url", f"messages: a picture must be at an http or https URL, not {source[:80]!r}")
    content = source if isinstance(source, bytes) else _decoded(source)
    found: Object = {"type": "image", "image": content}
    if media_type.partition("/")[0] != "image":
        _check_image(media_type, content)
    elif "/" in media_type:
        found["media_type"] = media_type
    return found


def _check_image(media_type: str, content: bytes = b"") -> None:
    if media_type.partition("/")[0] != "image" and media_type_of(content) is None:
        raise refuse("unsupported_part", f"messages: only image file parts are supported, not {media_type[:64]!r}")


def _decoded(source: object) -> bytes:
    try:
        return base64.b64decode(str(source).replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise refuse("bad_url", "messages: a picture must be bytes, base64 or a URL") from error


def _as_browsers_write(url: str) -> str:
    try:
        scheme, colon, rest = url.partition(":")
        text = str(httpx.URL(scheme.lower() + colon + rest))
    except httpx.InvalidURL as error:
        raise refuse("bad_url", f"messages: {url[:80]!r} is no URL: {error}") from error
    if bare := _WITHOUT_PATH.fullmatch(text):
        text = f"{bare['host']}/{bare['rest']}"
    before, mark, query = text.partition("?")
    return before + mark + query.replace("'", "%27")


def _tool_call(part: Mapping[str, Any]) -> Object:
    names = {"toolCallId": part.get("toolCallId"), "toolName": part.get("toolName")}
    return {"type": "tool-call", **names, "input": part.get("input")}


def _tool_result(part: Mapping[str, Any]) -> Object:
    names = {"toolCallId": part.get("toolCallId"), "toolName": part.get("toolName")}
    return {"type": "tool-result", **names, "output": _output(part.get("output"))}


def _output(output: object) -> object:
    match output:
        case {"type": "text" | "error-text", "value": value}:
            return value
        case {"type": "execution-denied"}:
            return output.get("reason") or _DENIED  # type: ignore[attr-defined]
        case {"type": "json" | "error-json" | "content", "value": value}:
            return json_text(value)
        case _:
            raise refuse("unsupported_part", "messages: a tool result must have an output of a known type with a value")


def _marker(holder: Mapping[str, Any]) -> object:
    """The cache marker of a message or part; None where there is none."""
    options = holder.get("providerOptions") or {}
    if not isinstance(options, Mapping):
        raise refuse("wrong_type", "providerOptions: must be an object", "provider_options")
    check_names(options, {"alibaba"}, "providerOptions")
    own = options.get("alibaba") or {}
    if not isinstance(own, Mapping):
        raise refuse("wrong_type", "providerOptions.alibaba: must be an object", "provider_options")
    check_names(own, {"cacheControl", "cache_control"}, "providerOptions.alibaba of a message or part")
    return own.get("cacheControl", own.get("cache_control")) or None


def check_names(options: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    """Refuse what would vanish.

    Raises:
        InvalidRequestError: A name is not known.
    """
    for name in options:
        if name not in known:
            listed = ", ".join(sorted(known))
            raise refuse("unknown_option", f"{where}: {name[:64]!r} is not known; it takes {listed}", name[:64])


_PARTS: Final = {
    ("user", "text"): _text,
    ("user", "image"): _image,
    ("user", "file"): _file,
    ("assistant", "text"): _text,
    ("assistant", "reasoning"): _reasoning,
    ("assistant", "tool-call"): _tool_call,
    ("tool", "tool-result"): _tool_result,
}
_UNSENT: Final = {("assistant", "tool-approval-request"), ("tool", "tool-approval-response")}
