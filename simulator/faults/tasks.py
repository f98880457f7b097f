"""Faults of what an answer says about a task."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from simulator.exchange.call import Call
from simulator.exchange.dependencies import Service
from simulator.exchange.reply import Reply
from simulator.faults.kind import Kind, Spoil
from simulator.store.fault import Fault
from simulator.store.tasks import TaskFilter

_EVER_MS: Final = 1 << 52

Edit = Callable[[dict[str, Any], Fault], None]
"""Changes a JSON answer in place."""


def _editing(edit: Edit) -> Spoil:
    def spoil(reply: Reply, fault: Fault, _call: Call, _service: Service) -> Reply:
        if reply.document is None or "output" not in reply.document:
            return reply
        document = copy.deepcopy(reply.document)
        edit(document, fault)
        return replace(reply, document=document)

    return spoil


def _no_task_id(document: dict[str, Any], _fault: Fault) -> None:
    document["output"].pop("task_id", None)


def _other_task_id(document: dict[str, Any], fault: Fault) -> None:
    document["output"]["task_id"] = fault.task_id


def _status_word(document: dict[str, Any], fault: Fault) -> None:
    document["output"]["task_status"] = fault.word


def _going_back(document: dict[str, Any], _fault: Fault) -> None:
    output = document["output"]
    output["task_status"] = {"RUNNING": "PENDING", "SUCCEEDED": "RUNNING"}.get(output["task_status"], "PENDING")
    for name in ("end_time", "orig_prompt", "video_url"):
        output.pop(name, None)
    document.pop("usage", None)


def _unknown(document: dict[str, Any], _fault: Fault) -> None:
    document["output"] = {"task_id": document["output"].get("task_id"), "task_status": "UNKNOWN"}
    document.pop("usage", None)


def _failed(document: dict[str, Any], fault: Fault) -> None:
    _going_back(document, fault)
    document["output"] |= {
        "task_status": "FAILED",
        "code": fault.code or "InternalError",
        "message": fault.message or "An internal error has occurred, please try again later.",
    }


def _bare_failure(document: dict[str, Any], fault: Fault) -> None:
    _going_back(document, fault)
    document["output"]["task_status"] = "FAILED"


def _no_url(document: dict[str, Any], _fault: Fault) -> None:
    document["output"].pop("video_url", None)


def _no_result(document: dict[str, Any], _fault: Fault) -> None:
    document["output"].pop("video_url", None)
    document.pop("usage", None)


def _results_object(document: dict[str, Any], _fault: Fault) -> None:
    _move_url(document, lambda url: {"video_url": url})


def _results_list(document: dict[str, Any], _fault: Fault) -> None:
    _move_url(document, lambda url: [{"url": url}])


def _move_url(document: dict[str, Any], place: Callable[[str], Any]) -> None:
    if "video_url" in document["output"]:
        document["output"]["results"] = place(document["output"].pop("video_url"))


def _ancient_end(document: dict[str, Any], _fault: Fault) -> None:
    if "end_time" in document["output"]:
        document["output"]["end_time"] = "1970-01-01 08:00:00"


def _other_url(document: dict[str, Any], fault: Fault) -> None:
    if "video_url" in document["output"]:
        document["output"]["video_url"] = fault.location


def _no_usage(document: dict[str, Any], _fault: Fault) -> None:
    document.pop("usage", None)


def _text_numbers(document: dict[str, Any], _fault: Fault) -> None:
    usage = document.get("usage") or {}
    for name, value in usage.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            usage[name] = str(value)


def _float_numbers(document: dict[str, Any], _fault: Fault) -> None:
    usage = document.get("usage") or {}
    for name in {"duration", "video_duration", "output_video_duration"} & usage.keys():
        usage[name] = float(usage[name])


def _padded(document: dict[str, Any], _fault: Fault) -> None:
    document["output"].setdefault("video_url", "")
    document.setdefault("usage", {"video_duration": 0, "video_ratio": ""})


def _expired_url(reply: Reply, _fault: Fault, call: Call, service: Service) -> Reply:
    query = service.signer.result_query(call.task_id, service.provider.clock.now_ms() // 1000 - 1)
    location = f"{call.request.base_url}result/{call.task_id}.mp4?{query}"
    return _editing(_other_url)(reply, Fault("query", "expired-url", location=location), call, service)


def _duplicate_task_id(reply: Reply, fault: Fault, call: Call, service: Service) -> Reply:
    """The id of the account's task before this one; the new task exists all the same."""
    which = TaskFilter(call.account, 0, _EVER_MS)
    earlier = [
        task for task in service.provider.store.tasks.page(which, offset=0, limit=2) if task.task_id != call.task_id
    ]
    if not earlier:
        return reply
    return _editing(_other_task_id)(reply, replace(fault, task_id=earlier[0].task_id), call, service)


def _kind(name: str, edit: Edit) -> Kind:
    return Kind(name, _editing(edit), needs_answer=True)


KINDS: Final = (
    _kind("no-task-id", _no_task_id),
    _kind("task-id", _other_task_id),  # `task_id` in place of the real one
    Kind("duplicate-task-id", _duplicate_task_id, needs_answer=True),
    _kind("status-word", _status_word),  # `word` as the status
    _kind("going-back", _going_back),  # the status before this one
    _kind("unknown", _unknown),  # as if the task never existed
    _kind("failed", _failed),  # FAILED, whatever was said before
    _kind("bare-failure", _bare_failure),  # FAILED without code and message
    _kind("no-url", _no_url),  # SUCCEEDED without `video_url`
    _kind("no-result", _no_result),  # SUCCEEDED with neither `video_url` nor usage
    _kind("results-object", _results_object),  # the URL in an object `results`, as some APIs have it
    _kind("results-list", _results_list),  # the URL in a list `results`, as image APIs have it
    _kind("ancient-end", _ancient_end),  # `end_time` is the beginning of the epoch
    _kind("other-url", _other_url),  # `video_url` is `location`
    Kind("expired-url", _expired_url, needs_answer=True),
    _kind("no-usage", _no_usage),
    _kind("text-numbers", _text_numbers),  # "720" for 720
    _kind("float-numbers", _float_numbers),  # 5.0 for 5
    _kind("padded", _padded),  # empty `video_url` and zero usage while nothing is ready
)
