"""The operations of both clients on campaigns: which requests they make and what they read from the answers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal
from urllib.parse import quote
from uuid import UUID

from reelqueue.campaigns.options import CampaignOptions
from reelqueue.campaigns.plan.server_diff import ServerState
from reelqueue.client._answers import read
from reelqueue.client._steps import Send, Steps, deadline, exchange
from reelqueue.errors import InvalidRequestError
from reelqueue.schemas.campaigns import (
    Campaign,
    Campaigns,
    ClipImport,
    CsvStyle,
    ImportedClips,
    ModelSpeeds,
    RetriedClips,
    StagedClips,
    WaitingClips,
)

Action = Literal["pause", "resume"]
Export = Literal["results.csv", "results.jsonl", "failures.csv", "failures.jsonl"]
_JSON: Final = {"Content-Type": "application/json"}
STAGE_SECONDS: Final = 120.0
"""A server may be restarted while a long file is uploaded."""
COMMIT_SECONDS: Final = 600.0
"""For so long a commit is asked for, of which the first is still running."""
_NDJSON: Final = {"Content-Type": "application/x-ndjson"}


def put(options: CampaignOptions, file_name: str | None, retry_seconds: float) -> Steps[Campaign]:
    """Make a campaign, or change how it is run."""
    body = options.model_dump(mode="json", exclude_none=True)
    params = {"file_name": file_name} if file_name else {}
    step = Send("PUT", path_of(options.name), params, json.dumps(body).encode(), _JSON)
    return read(Campaign, (yield from exchange(step, give_up_at=deadline(retry_seconds))))


def get(name: str, retry_seconds: float) -> Steps[Campaign]:
    """The campaign as it is now."""
    return read(Campaign, (yield from exchange(Send("GET", path_of(name)), give_up_at=deadline(retry_seconds))))


def listed(limit: int, retry_seconds: float) -> Steps[Campaigns]:
    """The newest campaigns."""
    step = Send("GET", "/v1/campaigns", {"limit": str(limit)})
    return read(Campaigns, (yield from exchange(step, give_up_at=deadline(retry_seconds))))


def known(name: str, retry_seconds: float) -> Steps[ServerState]:
    """What the campaign holds already."""
    answer = yield from exchange(Send("GET", f"{path_of(name)}/contents"), give_up_at=deadline(retry_seconds))
    return ServerState.read(map(json.loads, answer.iter_lines()))


def speeds(models: Iterable[str], retry_seconds: float) -> Steps[ModelSpeeds]:
    """How fast some models render."""
    step = Send("GET", "/v1/speeds", {"model": list(models)})
    return read(ModelSpeeds, (yield from exchange(step, give_up_at=deadline(retry_seconds))))


def submit_clips(name: str, lines: Iterable[bytes], skip_bad: bool, retry_seconds: float) -> Steps[ImportedClips]:  # noqa: FBT001
    """Store a batch of clips; sent twice, it is stored once."""
    params = {"skip_bad": "true"} if skip_bad else {}
    step = Send("POST", f"{path_of(name)}/clips", params, b"\n".join(lines), _NDJSON)
    return read(ImportedClips, (yield from exchange(step, give_up_at=deadline(retry_seconds))))


def begin_import(
    name: str, options: CampaignOptions | None, file_name: str | None, retry_seconds: float
) -> Steps[ClipImport]:
    """Begin an import; sent twice, one of two is left lying and forgotten."""
    told = options and options.model_dump(mode="json", exclude_none=True)
    body = json.dumps({"options": told, "file_name": file_name}).encode()
    step = Send("POST", f"{path_of(name)}/imports", {}, body, _JSON)
    return read(ClipImport, (yield from exchange(step, give_up_at=deadline(retry_seconds))))


def stage(name: str, import_id: UUID, number: int, lines: Iterable[bytes], retry_seconds: float) -> Steps[StagedClips]:
    """Hand over a batch of an import; sent twice, it replaces itself."""
    step = Send("PUT", f"{path_of(name)}/imports/{import_id}/batches/{number}", {}, b"\n".join(lines), _NDJSON)
    give_up_at = deadline(max(retry_seconds, STAGE_SECONDS))
    return read(StagedClips, (yield from exchange(step, give_up_at=give_up_at)))


def price_import(name: str, import_id: UUID, clips: int, retry_seconds: float) -> Steps[WaitingClips]:
    """What the commit of an import would cost."""
    body = json.dumps({"clips": clips}).encode()
    step = Send("POST", f"{path_of(name)}/imports/{import_id}/price", {}, body, _JSON)
    give_up_at = deadline(max(retry_seconds, COMMIT_SECONDS))
    return read(WaitingClips, (yield from exchange(step, give_up_at=give_up_at)))


def commit_import(
    name: str,
    import_id: UUID,
    clips: int,
    csv_style: CsvStyle | None,
    agreed: WaitingClips | None,
    retry_seconds: float,
) -> Steps[ImportedClips]:
    """Put an import in force; a million clips take longer than an answer is waited for, so it is asked again."""
    told = csv_style and csv_style.model_dump(mode="json")
    body = json.dumps({"clips": clips, "csv_style": told} | agreement(agreed)).encode()
    step = Send("POST", f"{path_of(name)}/imports/{import_id}/commit", {}, body, _JSON)
    give_up_at = deadline(max(retry_seconds, COMMIT_SECONDS))
    return read(ImportedClips, (yield from exchange(step, give_up_at=give_up_at)))


def discard_import(name: str, import_id: UUID, retry_seconds: float) -> Steps[None]:
    """Forget an import."""
    yield from exchange(Send("DELETE", f"{path_of(name)}/imports/{import_id}"), give_up_at=deadline(retry_seconds))


def act(name: str, action: Action, retry_seconds: float) -> Steps[Campaign]:
    """Pause it, or go on."""
    step = Send("POST", f"{path_of(name)}/{action}")
    return read(Campaign, (yield from exchange(step, give_up_at=deadline(retry_seconds))))


def waiting(name: str, retry_seconds: float) -> Steps[WaitingClips]:
    """What clips that wait would cost."""
    step = Send("GET", f"{path_of(name)}/waiting")
    return read(WaitingClips, (yield from exchange(step, give_up_at=deadline(retry_seconds))))


def approve(name: str, agreed: WaitingClips | None, retry_seconds: float) -> Steps[Campaign]:
    """Release the clips behind the canary."""
    step = Send("POST", f"{path_of(name)}/approve", {}, json.dumps(agreement(agreed)).encode(), _JSON)
    return read(Campaign, (yield from exchange(step, give_up_at=deadline(retry_seconds))))


def cancel(name: str, running: str, retry_seconds: float) -> Steps[Campaign]:
    """Stop it for good."""
    step = Send("POST", f"{path_of(name)}/cancel", {}, json.dumps({"running": running}).encode(), _JSON)
    return read(Campaign, (yield from exchange(step, give_up_at=deadline(retry_seconds))))


def retry(name: str, which: Mapping[str, Any]) -> Steps[RetriedClips]:
    """Render clips again; one try, because a second one would find others."""
    step = Send("POST", f"{path_of(name)}/retry", {}, json.dumps(which).encode(), _JSON)
    return read(RetriedClips, (yield from exchange(step, give_up_at=deadline(0))))


def agreement(shown: RetriedClips | WaitingClips | None) -> dict[str, Any]:
    """The most that may be paid for: what was shown before."""
    if shown is None:
        return {}
    return {
        "count_max": shown.count,
        "amount_max": f"{shown.max_amount:f}",
        "unpriced_max": shown.unpriced_count,
    }


def export(name: str, what: Export, retry_seconds: float) -> Steps[bytes]:
    """A file of results or failures."""
    answer = yield from exchange(Send("GET", f"{path_of(name)}/{what}"), give_up_at=deadline(retry_seconds))
    return answer.content


def path_of(name: str) -> str:
    """Where a campaign is."""
    if "/" in name or not name:
        why = f"name: the name of a campaign on a server must not be empty or hold a slash, not {name[:100]!r}"
        raise InvalidRequestError("bad_name", why, "name")
    return f"/v1/campaigns/{quote(name, safe='')}"
