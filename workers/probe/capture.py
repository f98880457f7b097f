"""The file that a run leaves: answers in words of our own, shapes of exchanges, and what the simulator plays of them.

It is made of what is allowed and not of what is left after removing: statuses, names of headers and fields, kinds of
values. Before it is written, every value that the exchanges had is looked for in it all the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from reelqueue.errors import ReelqueueError
from reelqueue.version import VERSION
from workers.dashscope.client import Exchange
from workers.probe.lab import Lab, Seen
from workers.probe.paid.plan import PROMPT
from workers.probe.questions import Patch, Question, Verdict, named, verdict

FORMAT: Final = 1
"""As ``python -m simulator --replay`` reads it."""
_PATHS: Final = (
    (re.compile(r"/api/v1/tasks/[^/]+/cancel"), "/api/v1/tasks/TASK/cancel"),
    (re.compile(r"/api/v1/tasks/[^/]+"), "/api/v1/tasks/TASK"),
)
_SECRET: Final = re.compile(r"(?i).*(_id|_uid|request|signature|policy|key|prompt|url|upload_dir|token).*")
_KEY_CHARACTERS: Final = 12
"""A shorter key opens nothing but the simulator."""
_SECRET_CHARACTERS: Final = 8
"""A shorter text guards nothing, and stands in any file."""


class LeakError(ReelqueueError):
    """A capture would hold what it must not; nothing was written."""


def capture(lab: Lab, questions: Iterable[Question], made_at: datetime) -> str:
    """The file's text; what would tell a secret is withheld by itself, and the rest is kept: it was paid for.

    Raises:
        LeakError: It would hold a key, a prompt, an id or a signature all the same.
    """
    asked = list(questions)
    secrets = frozenset(json.dumps(secret, ensure_ascii=False)[1:-1] for secret in _secrets(lab))
    differing = [one for one in asked if verdict(one, lab.findings[one.id]) is Verdict.DIFFERS]
    played = {one.id: patch for one in differing if (patch := _patch(lab, one)) and not _tells(patch, secrets)}
    document = {
        "format": FORMAT,
        "release": VERSION,
        "made_at": f"{made_at:%Y-%m-%d %H:%M} UTC",
        "region": lab.account.region,
        "answers": [_withheld(one) if _tells(one, secrets) else one for one in (_answer(lab, one) for one in asked)],
        "simulator": _merged(played.values()),
        "not_played": [one.id for one in differing if one.id not in played],
        "exchanges": [one for one in _shapes(one.exchange for one in lab.heard) if not _tells(one, secrets)],
    }
    if _tells(document, secrets):
        raise LeakError("the capture would hold a secret that an answer has; nothing was written: report it")
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _tells(part: object, secrets: Collection[str]) -> bool:
    text = json.dumps(part, ensure_ascii=False)
    return any(secret in text for secret in secrets)


def _withheld(answer: dict[str, Any]) -> dict[str, Any]:
    return answer | {"answer": None, "verdict": "withheld"}


def _answer(lab: Lab, question: Question) -> dict[str, Any]:
    finding = lab.findings[question.id]
    shown = {"id": question.id, "asks": question.asks, "page": question.page, "answer": finding.answer}
    return shown | {"simulator": question.assumed, "verdict": verdict(question, finding).value}


def _patch(lab: Lab, question: Question) -> Patch:
    value = lab.findings[question.id].value
    return {} if question.play is None or value is None else question.play(value)


def _merged(patches: Iterable[Patch]) -> dict[str, Any]:
    """Several parts of a configuration as one, group by group."""
    whole: dict[str, Any] = {}
    for patch in patches:
        _merge(whole, patch)
    return whole


def _merge(into: dict[str, Any], patch: Mapping[str, Any]) -> None:
    for name, value in patch.items():
        if isinstance(value, Mapping) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = dict(value) if isinstance(value, Mapping) else value


def _shapes(exchanges: Iterable[Exchange]) -> Iterator[dict[str, Any]]:
    """Each shape of an exchange once, with how often it came."""
    counts: dict[str, int] = {}
    for exchange in exchanges:
        shape = json.dumps(_shape(exchange), sort_keys=True)
        counts[shape] = counts.get(shape, 0) + 1
    for shape, count in counts.items():
        yield json.loads(shape) | {"count": count}


def _shape(exchange: Exchange) -> dict[str, Any]:
    seen = Seen.of(exchange.answer)
    return {
        "call": f"{exchange.method} {_path(exchange.path)}",
        "status": seen.status,
        "headers": sorted({named(name.lower()) for name in seen.headers}),
        "body": _kinds(seen.document),
    }


def _path(path: str) -> str:
    """A path without ids, and the names in its query."""
    parts = urlsplit(path)
    shown = next((plain for form, plain in _PATHS if form.fullmatch(parts.path)), parts.path)
    names = sorted({named(name) for name, _ in parse_qsl(parts.query)})
    return shown + (f"?{'&'.join(names)}" if names else "")


def _kinds(value: object) -> Any:  # noqa: ANN401 - JSON
    """What kind of value is where: names stay, values do not."""
    if isinstance(value, dict):
        return {named(name): _kinds(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_kinds(value[0])] if value else []
    return "null" if value is None else type(value).__name__


def _secrets(lab: Lab) -> Iterator[str]:
    """What must not be in the file: the key, the workspace, prompts, and every id, URL and signature of an answer."""
    key = lab.context.key_of(lab.account).get_secret_value()
    yield from [key] if len(key) >= _KEY_CHARACTERS else []
    yield PROMPT
    yield from (str(value) for value in lab.account.headers.values() if len(str(value)) >= _SECRET_CHARACTERS)
    for one in lab.heard:
        yield from _texts(Seen.of(one.exchange.answer).document)


def _texts(value: object, name: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for inner, one in value.items():
            yield from _texts(one, str(inner))
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one, name)
    elif isinstance(value, str) and len(value) >= _SECRET_CHARACTERS and _SECRET.fullmatch(name):
        yield value
