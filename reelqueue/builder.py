"""A request as the exact HTTP request that DashScope gets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from reelqueue.catalog import Mode, ModelSpec, Protocol, Sound
from reelqueue.catalog.sizes import LEGACY_SIZES
from reelqueue.requests.fields import REQUEST_HEADERS
from reelqueue.requests.media_roles import Medium, placed_media
from reelqueue.requests.resolution import read_resolution
from reelqueue.requests.rules import capabilities as rules
from reelqueue.requests.signed_urls import without_signatures
from reelqueue.version import USER_AGENT

if TYPE_CHECKING:
    from reelqueue.requests.base import RenderRequest

WORKSPACE_HEADER: Final = "X-DashScope-WorkSpace"
"""Says in which of the account's workspaces a task is made, asked for and listed."""

KEY_VARIABLES: Final = ("ALIBABA_API_KEY", "DASHSCOPE_API_KEY")
"""Where the default account's key is looked for, in order."""
PLAN_KEY: Final = "sk-sp-"
"""How keys of the provider's plans begin, with which automation is forbidden."""
DEFAULT_VIDEO_BASE_URL: Final = "https://dashscope-intl.aliyuncs.com"
"""The host of the Singapore region."""

_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)

_NEVER_SENT: Final = ("authorization", "x-dashscope-wait-timeout")
"""The second has the provider hold a paid POST rather than refuse it, which stretches the time of doubt."""
_TEXTS: Final = frozenset({"prompt", "negative_prompt"})

_Section = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BuiltRequest:
    """A submit request to DashScope, without host and credential."""

    method: str
    path: str
    headers: Mapping[str, str]
    """Every header but ``Authorization``."""
    body: Mapping[str, Any]
    warnings: tuple[str, ...]
    """What its sender should know, one sentence each."""

    def url(self, base_url: str) -> str:
        """The full URL at a host; one trailing slash of *base_url* is trimmed."""
        return base_url.removesuffix("/") + self.path


def build(request: RenderRequest, *, account_headers: Mapping[str, str] = MappingProxyType({})) -> BuiltRequest:
    """The submit that renders *request*.

    Args:
        request: What to render.
        account_headers: Headers of the provider account; those of the request win over them, and those
            that Reelqueue sets itself win over both.

    Raises:
        InvalidRequestError: The model cannot render it.
    """
    warnings = rules.check(request)
    spec = rules.spec_of(request)
    return BuiltRequest(
        method="POST",
        path=spec.path,
        headers=_headers(request, placed_media(request, spec), account_headers),
        body=body_of(request),
        warnings=warnings,
    )


def content_sha256(request: RenderRequest) -> str:
    """Hex SHA-256 of what a valid *request* asks of the service: equal for requests that would render the same.

    Everything that reaches the service counts, the producer's own names and deadlines do not. So ``720P`` and
    ``1280x720`` are equal where the service is sent the same size for both. The signature of a URL says who may read
    a file and until when, and not which: a new one is the same content.
    """
    body = body_of(request)
    media = {name: without_signatures(value) for name, value in body["input"].items() if name not in _TEXTS}
    body["input"] = body["input"] | media
    sent = {"path": rules.spec_of(request).path, "body": body, "headers": _own_headers(request) or None}
    return hashlib.sha256(_CANONICAL.encode(sent).encode()).hexdigest()


def body_of(request: RenderRequest) -> _Section:
    """The JSON body that a valid *request* sends; its price is a function of it."""
    spec = rules.spec_of(request)
    return {
        "model": request.model,
        "input": _input(request, spec, placed_media(request, spec)),
        "parameters": _parameters(request, spec),
    }


def _headers(request: RenderRequest, media: tuple[Medium, ...], account: Mapping[str, str]) -> dict[str, str]:
    fixed = {"Content-Type": "application/json", "X-DashScope-Async": "enable", "User-Agent": USER_AGENT}
    urls = [request.given("audio_url"), *(url for medium in media for url in (medium.url, medium.voice))]
    if any(url is not None and url.startswith("oss://") for url in urls):
        fixed["X-DashScope-OssResourceResolve"] = "enable"
    merged: dict[str, tuple[str, str]] = {}
    for headers in (account, _own_headers(request), fixed):
        merged |= {name.lower(): (name, value) for name, value in headers.items()}
    for name in _NEVER_SENT:
        merged.pop(name, None)
    return dict(merged.values())


def _own_headers(request: RenderRequest) -> dict[str, str]:
    """Those of a request that are sent: a stored one may be older than the list of what is taken."""
    return {name: value for name, value in (request.headers or {}).items() if name.lower() in REQUEST_HEADERS}


def _input(request: RenderRequest, spec: ModelSpec, media: tuple[Medium, ...]) -> _Section:
    section = _given(request, "prompt", "negative_prompt")
    if all(medium.option != "audio_url" for medium in media):
        section |= _given(request, "audio_url")
    return section | _MEDIA_BY_PROTOCOL[spec.protocol](media)


def _legacy_media(media: tuple[Medium, ...]) -> _Section:
    section: _Section = {}
    for medium in media:
        if medium.role == "first_frame":
            section["img_url"] = medium.url
        else:
            section.setdefault("reference_urls", []).append(medium.url)
    return section


def _first_last_media(media: tuple[Medium, ...]) -> _Section:
    return {f"{medium.role}_url": medium.url for medium in media}


def _media_items(media: tuple[Medium, ...]) -> _Section:
    items = [
        {"type": medium.role, "url": medium.url} | ({} if medium.voice is None else {"reference_voice": medium.voice})
        for medium in media
    ]
    return {"media": items} if items else {}


_MEDIA_BY_PROTOCOL: Final[Mapping[Protocol, Callable[[tuple[Medium, ...]], _Section]]] = {
    Protocol.LEGACY: _legacy_media,
    Protocol.FIRST_LAST: _first_last_media,
    Protocol.MEDIA: _media_items,
    Protocol.WAN3: _media_items,
}


def _parameters(request: RenderRequest, spec: ModelSpec) -> _Section:
    section = _given(request, "duration", "seed") | _resolution(request, spec)
    section |= _given(request, "prompt_extend", "shot_type", "watermark")
    if request.audio is not None and spec.sound in {Sound.SWITCH, Sound.ALWAYS_STATED}:
        section["audio"] = request.audio
    return section | (request.raw or {})


def _resolution(request: RenderRequest, spec: ModelSpec) -> _Section:
    ratio = request.given("ratio")
    section: _Section = {}
    if request.resolution is not None:
        shape = read_resolution(request.resolution)
        if _takes_size(request, spec):
            size = shape.size or LEGACY_SIZES[shape.tier or spec.default_tier]["16:9"]
            section["size"] = size.replace("x", "*")
        else:
            section["resolution"] = shape.tier or shape.size
            ratio = ratio or (shape.ratio if _takes_ratio(request, spec) else None)
    return section if ratio is None else section | {"ratio": ratio}


def _takes_ratio(request: RenderRequest, spec: ModelSpec) -> bool:
    if spec.is_known:
        return bool(spec.ratios)
    return spec.protocol is Protocol.WAN3 or request.mode is not Mode.IMAGE_TO_VIDEO


def _takes_size(request: RenderRequest, spec: ModelSpec) -> bool:
    # Image-to-video follows the picture's aspect, so it takes a tier alone.
    return spec.protocol is Protocol.LEGACY and request.mode is not Mode.IMAGE_TO_VIDEO


def _given(request: RenderRequest, *names: str) -> _Section:
    return {name: value for name in names if (value := request.given(name)) is not None}
