"""Check roles, counts and combinations of a request's media against its model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from reelqueue.catalog import Mode, ModelSpec, Protocol
from reelqueue.catalog.spec import OPTION_BY_ROLE, MediaRules
from reelqueue.errors import InvalidRequestError
from reelqueue.requests.base import RenderRequest
from reelqueue.requests.media_roles import Medium, is_picture, placed_media
from reelqueue.requests.rules.image_rules import check_pictures


def check_media(request: RenderRequest, spec: ModelSpec) -> Iterator[str]:
    """Warnings about the media of *request*.

    Raises:
        InvalidRequestError: A role, a count, a combination or a kind of URL that the model does not take.
    """
    media = placed_media(request, spec)
    if spec.media is None:
        return
    _check_not_mixed(media)
    _check_mode(request, media, spec)
    for medium in media:
        _check_medium(medium, spec)
    _check_counts(media, spec.media, spec.id)
    _check_together(request, media, spec)
    _check_wishes(request, media, spec)
    yield from check_pictures(media, spec)
    yield from _doubtful(request, media, spec)


def _check_not_mixed(media: Sequence[Medium]) -> None:
    others = {medium.option for medium in media} - {"media"}
    if others and any(medium.option == "media" for medium in media):
        raise InvalidRequestError(
            "conflicting_options", f"media: give either media or {', '.join(sorted(others))}, not both", "media"
        )


def _check_mode(request: RenderRequest, media: Sequence[Medium], spec: ModelSpec) -> None:
    # Only Wan 3.0 has one id for several modes; there the roles must be those of the mode.
    if spec.protocol is not Protocol.WAN3 or not spec.is_known:
        return
    frames = {"first_frame", "last_frame"}
    for medium in media:
        if (medium.role in frames) != (request.mode is Mode.IMAGE_TO_VIDEO):
            raise InvalidRequestError(
                "bad_media",
                f"{medium.option}: {medium.role} does not belong to {request.mode}; "
                f"{spec.id} takes either frames or references",
                medium.option,
            )
    if not media and request.mode is not Mode.TEXT_TO_VIDEO:
        needed = "image" if request.mode is Mode.IMAGE_TO_VIDEO else "reference_urls"
        raise InvalidRequestError("missing_option", f"{needed}: {request.mode} needs it", needed)


def _check_medium(medium: Medium, spec: ModelSpec) -> None:
    roles = spec.media.by_name if spec.media else {}
    role = roles.get(medium.role)
    if role is None and spec.is_known:
        raise InvalidRequestError(
            "bad_media", f"{medium.option}: {spec.id} takes {', '.join(roles)}, not {medium.role}", medium.option
        )
    if role is None:
        return
    if medium.url.startswith("data:") and not role.takes_data_uri:
        raise InvalidRequestError(
            "bad_url",
            f"{medium.option}: {spec.id} takes a {medium.role} by http, https or oss URL only, not embedded",
            medium.option,
        )
    if medium.voice is not None and not role.takes_voice:
        raise InvalidRequestError(
            "bad_media", f"{medium.option}: a {medium.role} of {spec.id} cannot carry a reference_voice", medium.option
        )


def _check_counts(media: Sequence[Medium], rules: MediaRules, model_id: str) -> None:
    counts = Counter(medium.role for medium in media)
    options = {medium.role: medium.option for medium in media}
    for role, count in counts.items():
        if role in rules.by_name and count > (most := rules.by_name[role].count_max):
            option = options[role]
            raise InvalidRequestError(
                "too_many", f"{option}: {model_id} takes at most {most} {role}, not {count}", option
            )
    references = counts["reference_image"] + counts["reference_video"]
    if rules.references_max is not None and references > rules.references_max:
        option = options.get("reference_image") or options["reference_video"]
        raise InvalidRequestError(
            "too_many",
            f"{option}: {model_id} takes at most {rules.references_max} references in all, not {references}",
            option,
        )


def _check_together(request: RenderRequest, media: Sequence[Medium], spec: ModelSpec) -> None:
    rules = spec.media
    if rules is None:
        return
    roles = frozenset(medium.role for medium in media)
    if rules.needs and not roles & rules.needs:
        raise _missing(request, sorted(rules.needs), spec)
    if rules.combinations and roles not in rules.combinations:
        if not roles:
            raise _missing(request, ["first_frame"], spec)
        if len(rules.combinations) == 1:
            raise _missing(request, sorted(rules.combinations[0] - roles), spec)
        allowed = "; ".join(" + ".join(sorted(combination)) for combination in rules.combinations)
        raise _bad_combination(media, f"{spec.id} takes {allowed}; not {' + '.join(sorted(roles))}")
    for one, other in rules.exclusive:
        if roles & one and roles & other:
            raise _bad_combination(
                media,
                f"{spec.id} takes no {'/'.join(sorted(roles & one))} together with {'/'.join(sorted(roles & other))}",
            )


def _check_wishes(request: RenderRequest, media: Sequence[Medium], spec: ModelSpec) -> None:
    rules = spec.media
    roles = {medium.role for medium in media}
    if rules is None:
        return
    most = rules.seconds_max_with_video
    if most is not None and "reference_video" in roles and (request.duration or 0) > most:
        raise InvalidRequestError(
            "out_of_range",
            f"duration: {spec.id} takes at most {most} seconds with a reference video, not {request.duration}",
            "duration",
        )
    if request.prompt_extend is False and (needing := sorted(roles & rules.needs_prompt_extend)):
        raise InvalidRequestError(
            "conflicting_options", f"prompt_extend: {spec.id} reads a {needing[0]} only while it is on", "prompt_extend"
        )


def _missing(request: RenderRequest, roles: Sequence[str], spec: ModelSpec) -> InvalidRequestError:
    fields = type(request).model_fields
    option = next((name for role in roles if (name := OPTION_BY_ROLE.get(role)) in fields), "media")
    message = f"{option}: {spec.id} needs a {' or '.join(roles)}; give it as {option}"
    return InvalidRequestError("missing_option", message, option)


def _bad_combination(media: Sequence[Medium], message: str) -> InvalidRequestError:
    option = media[-1].option
    return InvalidRequestError("bad_media", f"{option}: {message}", option)


def _doubtful(request: RenderRequest, media: Sequence[Medium], spec: ModelSpec) -> Iterator[str]:
    roles = Counter(medium.role for medium in media)
    for role in spec.media.roles if spec.media else ():
        if role.count_doubted_above is not None and roles[role.name] > role.count_doubted_above:
            yield f"some pages of the documentation allow {role.count_doubted_above} {role.name} only"
    if spec.protocol in {Protocol.MEDIA, Protocol.WAN3} and (guessed := _guessed(media)):
        yield f"{guessed} of reference_urls ends in no known file type and is sent as reference_image; media states it"
    if spec.ratios and roles["first_frame"] and spec.protocol is Protocol.MEDIA and _states_ratio(request):
        yield f"{spec.id} ignores the ratio when a first_frame is given"


def _guessed(media: Sequence[Medium]) -> str:
    numbers = [
        str(number)
        for number, medium in enumerate(m for m in media if m.option == "reference_urls")
        if medium.role == "reference_image" and not is_picture(medium.url)
    ]
    return f"item {', '.join(numbers)}" if numbers else ""


def _states_ratio(request: RenderRequest) -> bool:
    return request.given("ratio") is not None
