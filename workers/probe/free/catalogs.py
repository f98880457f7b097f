"""Free questions about the list of models, the quotas and uploads."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from workers.dashscope import model_list, quotas
from workers.probe.lab import Lab, Seen, as_object, rows_of, said
from workers.probe.questions import UNNAMED, Question, listed, named

_MOST: Final = 100
_SHOWN: Final = 12
_UNIT: Final = re.compile(r"[A-Za-z/ ]{1,20}|[\u4e00-\u9fff/]{1,6}")
_TYPE: Final = re.compile(r"[A-Za-z0-9_]{1,40}")
_EARLY, _SEVEN, _THREE = "wan2.2-t2v-plus", "wan2.7-t2v", "wan3.0-video"
_UNSAID: Final = "not said"
_MODELS: Final = "List models"
_QUOTAS: Final = "List quotas"

QUESTIONS: Final = (
    Question(
        "models-host", "whether this host lists models", f"{_MODELS}: workspace hosts in most regions", "200",
        lambda is_absent: {"model_list": {"is_absent": is_absent}},
    ),
    Question(
        "models-page", "rows on a page of models, of 100 asked for", f"{_MODELS}: no maximum is given", "100",
        lambda rows: {"model_list": {"page_size_max": rows}},
    ),
    Question("models-unit", "the unit of a second of video", f"{_MODELS}: no English sample", "Per second"),
    Question("models-types", "the types of video prices", f"{_MODELS}: not all are documented",
             "1080P_no_audio, 720P_no_audio, video_ratio_1080p, video_ratio_480p, video_ratio_720p"),
    Question("models-price", "a price is a text or a number", f"{_MODELS}: samples only", "text"),
    Question("models-band", "bands of hours among the prices", f"{_MODELS}: not documented", "standard"),
    Question("models-twice", "one model in several rows", f"{_MODELS}: several prices are reported", "no"),
    Question("models-end", "the fields that tell a model's end", f"{_MODELS}: two spellings are in use", "none"),
    Question("quotas-path", "the path that lists quotas", f"{_QUOTAS}: pages differ", "/api/v1/quotas"),
    Question(
        "quotas-page", "rows on a page of quotas, of 100 asked for", f"{_QUOTAS}: no maximum is given", "100",
        lambda rows: {"limits": {"quota_page_size_max": rows}},
    ),
    Question("slots-early", f"tasks of {_EARLY} at a time", f"{_QUOTAS}: differs by account", "2",
             lambda count: {"limits": {"slots_by_model": {_EARLY: count}}}),
    Question("slots-2.7", f"tasks of {_SEVEN} at a time", f"{_QUOTAS}: differs by account", "5",
             lambda count: {"limits": {"slots_by_model": {_SEVEN: count}}}),
    Question("slots-3.0", f"tasks of {_THREE} at a time", "Rate limits: Wan 3.0 is on no page", "5",
             lambda count: {"limits": {"slots_by_model": {_THREE: count}}}),
    Question("rate-3.0", f"submits of {_THREE} in a second", "Rate limits: Wan 3.0 is on no page", "5"),
    Question(
        "queue-length", f"tasks of {_SEVEN} that may wait", f"{_QUOTAS}: no sample has a real number", _UNSAID,
        lambda count: {"limits": {"queue_length": count}},
    ),
    Question("upload-size", "the largest upload, in MB", "Temporary uploads: 100 on the page, 1024 seen", "100"),
    Question(
        "upload-life", "how long a permission to upload lasts", "Temporary uploads: 300 s in a sample", "300 s",
        lambda seconds: {"lifetimes": {"upload_policy_seconds": seconds}},
    ),
)  # fmt: skip

_OF_MODELS: Final = tuple(one.id for one in QUESTIONS if one.id.startswith("models-"))
_OF_QUOTAS: Final = ("quotas-page", "slots-early", "slots-2.7", "slots-3.0", "rate-3.0", "queue-length")


def ask(lab: Lab) -> None:
    """Ask them all."""
    _models(lab)
    _quotas(lab)
    _uploads(lab)


def _models(lab: Lab) -> None:
    seen = lab.look(_list_path(lab, with_site=True))
    if seen.status == HTTPStatus.BAD_REQUEST:
        lab.find("models-page", said(seen))
        seen = lab.look(_list_path(lab, with_site=True, rows=model_list.PAGE_SIZE))
    lab.find("models-host", said(seen), seen.status == HTTPStatus.NOT_FOUND or None)
    rows = rows_of(seen.output.get("models"))
    if not rows:
        lab.miss("this host lists no models", *_OF_MODELS)
        return
    _size(lab, "models-page", seen, len(rows))
    lines = list(_price_lines(rows))
    lab.find("models-unit", _joined({_unit(line.get("price_unit")) for line in lines}))
    lab.find("models-types", _types(lines))
    kinds = {"text" if isinstance(line.get("price"), str) else "number" for line in lines}
    lab.find("models-price", _joined(kinds))
    lab.find("models-band", listed([line.get("time_band") or "none" for line in lines]))
    ends = [name for row in rows for name in as_object(row.get("inference_offline_info"))]
    lab.find("models-end", listed(ends))
    everywhere = rows_of(lab.look(_list_path(lab, with_site=False)).output.get("models"))
    counts = Counter(row.get("model") for row in everywhere if isinstance(row.get("model"), str))
    lab.find("models-twice", "yes" if any(count > 1 for count in counts.values()) else "no")


def _list_path(lab: Lab, *, with_site: bool, rows: int = _MOST) -> str:
    site = model_list.SITES.get(lab.account.region) if with_site else None
    filters = {"capabilities": "VG", "language": "en-US", **({"service_site": site} if site else {})}
    return f"{model_list.PATH}?{urlencode({'page_no': 1, 'page_size': rows, **filters})}"


def _price_lines(rows: list[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The prices of Wan's models: those of other makers have types of their own."""
    for row in rows:
        if str(row.get("model")).startswith("wan"):
            for one in rows_of(row.get("prices")):
                yield from rows_of(one.get("prices"))


def _unit(value: object) -> str:
    return value if isinstance(value, str) and _UNIT.fullmatch(value) else UNNAMED


def _types(lines: list[Mapping[str, Any]]) -> str:
    """Some begin with a digit, as no other name does."""
    types = {str(line.get("type")) for line in lines}
    return _joined({one if _TYPE.fullmatch(one) else UNNAMED for one in types})


def _joined(texts: set[str]) -> str:
    shown = sorted(text for text in texts if text.isprintable())
    return ", ".join(shown[:_SHOWN]) or "none"


def _size(lab: Lab, question_id: str, seen: Seen, row_count: int) -> None:
    """The rows on a page, unless it was refused: what the answer says, or what was counted."""
    if question_id in lab.findings:
        return
    size = seen.output.get("page_size")
    rows = size if isinstance(size, int) else row_count
    lab.find(question_id, str(rows), rows if 0 < rows < _MOST else None)


def _quotas(lab: Lab) -> None:
    for path in quotas.PATHS:
        seen = lab.look(f"{path}?page_no=1&page_size={_MOST}")
        if seen.status == HTTPStatus.BAD_REQUEST:
            lab.find("quotas-page", said(seen))
            seen = lab.look(f"{path}?page_no=1&page_size={model_list.PAGE_SIZE}")
        rows = rows_of(seen.output.get("quotas", seen.output.get("limits")))
        if seen.status < 300 and rows:
            lab.find("quotas-path", path)
            _size(lab, "quotas-page", seen, len(rows))
            _limits(lab, path)
            return
    lab.find("quotas-path", "neither")
    lab.miss("this host lists no quotas", *_OF_QUOTAS)


def _limits(lab: Lab, path: str) -> None:
    limits = {model: _limit(lab.look(f"{path}?model={model}&page_no=1&page_size=20"), model)
              for model in (_EARLY, _SEVEN, _THREE)}  # fmt: skip
    for question_id, model in (("slots-early", _EARLY), ("slots-2.7", _SEVEN), ("slots-3.0", _THREE)):
        _number(lab, question_id, limits[model].get("async_user_concurrency_limit"))
    _number(lab, "rate-3.0", limits[_THREE].get("request_limit"))
    _number(lab, "queue-length", limits[_SEVEN].get("async_user_queue_limit"))


def _limit(seen: Seen, model: str) -> Mapping[str, Any]:
    rows = rows_of(seen.output.get("quotas", seen.output.get("limits")))
    row = next((row for row in rows if row.get("model") == model), {})
    return as_object(row.get("model_limit"))


def _number(lab: Lab, question_id: str, value: object) -> None:
    is_count = isinstance(value, int) and not isinstance(value, bool)
    lab.find(question_id, str(value) if is_count else _UNSAID, value if is_count and value else None)


def _uploads(lab: Lab) -> None:
    seen = lab.look(f"/api/v1/uploads?{urlencode({'action': 'getPolicy', 'model': 'wan2.6-i2v-flash'})}")
    data = as_object(seen.document.get("data"))
    size, life = data.get("max_file_size_mb"), data.get("expire_in_seconds")
    if not data:
        lab.miss(f"this host gives no permission to upload: {said(seen)}", "upload-size", "upload-life")
        return
    lab.find("upload-size", named(f"n{size}")[1:] if isinstance(size, int | str) else _UNSAID)
    lab.find("upload-life", f"{life} s" if isinstance(life, int) else _UNSAID, life if isinstance(life, int) else None)
