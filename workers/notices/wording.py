"""The text of each kind of notice: what happened, the numbers, and the command that helps."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from models.notice import OperatorEvent
from reelqueue.campaigns.report.summary import counted
from reelqueue.schemas.statement import money_text
from reelqueue.webhooks import CampaignEvent, EventMoney
from workers.notices.apprise import Message

_Facts = Mapping[str, Any]
_LONGEST_PROMPT: Final = 200
_SHOWN_TASKS: Final = 5


def message_of(
    kind: str, facts: _Facts, *, campaign: str, owner: str | None, clips: Sequence[tuple[str, str]]
) -> Message:
    """What people read of a notice.

    Args:
        kind: Its kind.
        facts: Of its row.
        campaign: The campaign's name; empty where it is about none.
        owner: Its tenant, where the readers know several.
        clips: Names and prompts of a few clips concerned, where prompts were asked for.
    """
    shown_name = f"{campaign} of {owner}" if owner else campaign
    title, body, notify_type = _TEXTS[kind](facts, shown_name, shlex.quote(campaign))
    shown = [f"{name}: {prompt[:_LONGEST_PROMPT]}" for name, prompt in clips]
    return Message(title, "\n".join([*body, *shown]), notify_type)


def _canary_ready(facts: _Facts, shown: str, name: str) -> tuple[str, list[str], str]:
    title = f"campaign {shown} waits for approval: reelqueue campaign approve {name}"
    return title, ["Its canary has been rendered; look at the clips first.", *_numbers(facts)], "info"


def _budget_reached(facts: _Facts, shown: str, name: str) -> tuple[str, list[str], str]:
    percent = facts["percent"]
    title = f"campaign {shown} has spent and reserved {percent} % of its budget"
    more = [f"To raise it: reelqueue campaign set {name} budget='AMOUNT CURRENCY'"] if percent == 100 else []
    return title, [*_numbers(facts), *more], "warning" if percent == 100 else "info"


def _breaker_tripped(facts: _Facts, shown: str, name: str) -> tuple[str, list[str], str]:
    title = f"campaign {shown} has paused itself: reelqueue campaign resume {name}"
    return title, [str(facts["reason"]), *_numbers(facts)], "failure"


def _price_risen(facts: _Facts, shown: str, name: str) -> tuple[str, list[str], str]:
    title = f"campaign {shown} waits, as a price has risen: reelqueue campaign approve {name}"
    return title, [str(facts["reason"]), *_numbers(facts)], "warning"


def _needs_review(facts: _Facts, shown: str, _name: str) -> tuple[str, list[str], str]:
    count = counted(facts["counts"].get("needs_review", 1), "clip")
    title = f"campaign {shown}: an operator decides about {count}: python -m workers review list"
    return title, _numbers(facts), "warning"


def _finished(facts: _Facts, shown: str, name: str) -> tuple[str, list[str], str]:
    is_whole = set(facts["counts"]) <= {"succeeded"}
    title = f"campaign {shown} has finished: reelqueue campaign open {name}"
    more = [] if is_whole else [f"To render those without a video again: reelqueue campaign retry {name}"]
    return title, [*_numbers(facts), *more], "success" if is_whole else "warning"


def _account_paused(facts: _Facts, *_: str) -> tuple[str, list[str], str]:
    name = facts["account"]
    body = [
        str(facts["reason"] or "no reason given"),
        "Nothing more is submitted with it. When its cause is gone, run it.",
    ]
    return f"account {name} is paused: python -m workers accounts resume {name}", body, "failure"


def _orphans_found(facts: _Facts, *_: str) -> tuple[str, list[str], str]:
    tasks = facts["task_ids"]
    listed = ", ".join(tasks[:_SHOWN_TASKS]) + (" …" if len(tasks) > _SHOWN_TASKS else "")
    title = f"account {facts['account']} has {counted(len(tasks), 'task')} of no job here: python -m workers adopt"
    return title, [listed, "Find out who else uses its key."], "warning"


def _archive_in_trouble(facts: _Facts, *_: str) -> tuple[str, list[str], str]:
    body = [str(facts["reason"]), "Results are gone for good 24 hours after their render."]
    return "the archive is in trouble: python -m workers doctor", body, "failure"


def _cap_reached(facts: _Facts, *_: str) -> tuple[str, list[str], str]:
    percent = facts["percent"]
    title = f"{percent} % of the cap of {facts['cap']} are spent and reserved: python -m workers caps list"
    body = ["Jobs wait for it until the next period begins or it is raised."] if percent == 100 else []
    return title, body, "warning" if percent == 100 else "info"


_TEXTS: Final[dict[str, Callable[..., tuple[str, list[str], str]]]] = {
    CampaignEvent.CANARY_READY: _canary_ready,
    CampaignEvent.BUDGET_REACHED: _budget_reached,
    CampaignEvent.BREAKER_TRIPPED: _breaker_tripped,
    CampaignEvent.PRICE_RISEN: _price_risen,
    CampaignEvent.NEEDS_REVIEW: _needs_review,
    CampaignEvent.FINISHED: _finished,
    OperatorEvent.ACCOUNT_PAUSED: _account_paused,
    OperatorEvent.ORPHANS_FOUND: _orphans_found,
    OperatorEvent.ARCHIVE_IN_TROUBLE: _archive_in_trouble,
    OperatorEvent.CAP_REACHED: _cap_reached,
}


def _numbers(facts: _Facts) -> list[str]:
    counts = [f"{count} {state}" for state, count in sorted(facts["counts"].items(), key=lambda one: -one[1])]
    return [line for line in (", ".join(counts), *_money(facts["money"])) if line]


def _money(entries: Sequence[_Facts]) -> Iterator[str]:
    for entry in map(EventMoney.model_validate, entries):
        parts = [f"{money_text(entry.spent)} {entry.currency} spent"]
        if entry.reserved:
            parts.append(f"{money_text(entry.reserved)} reserved")
        if entry.budget is not None:
            parts.append(f"budget {money_text(Decimal(entry.budget))}")
        yield ", ".join(parts)
