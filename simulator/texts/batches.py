"""Batches: files of requests that are answered later, at half the price.

Moments are planned when a batch is made; `settle` does what has fallen due, whenever a request reads it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from simulator.core.provider import Provider
from simulator.core.throttle import Throttle
from simulator.errors import WireError
from simulator.store.batches import Batch, BatchFilter, Line, StoredFile
from simulator.texts.batch_input import ENDPOINT, TEST_ENDPOINT, TEST_MODEL, read_lines
from simulator.texts.checks import invalid
from simulator.texts.files import Files
from simulator.texts.service import BatchPlace, Texts
from simulator.texts.wire import document_of, text_error

KEPT_MS: Final = 30 * 86_400_000
_WINDOW: Final = re.compile(r"([0-9]{1,4})([hd])")
_HOURS_MIN: Final = 24
_HOURS_MAX: Final = 336
_NAME_CHARACTERS_MAX: Final = 100
_DESCRIPTION_CHARACTERS_MAX: Final = 200
_PER_MINUTE: Final = {"create": 1000, "get": 1000, "list": 100, "cancel": 1000}
_MINUTE_MS: Final = 60_000
_UNDONE: Final = {
    "expired": ("batch_expired", "This request could not be executed before the completion window expired."),
    "cancelled": ("batch_cancelled", "This request was not executed because the batch was cancelled."),
}


class Batches:
    """Makes, works on and shows batches.

    Args:
        provider: Its store, clock and configuration are used.
        texts: Answers the lines.
        files: Keeps what goes in and comes out.
    """

    def __init__(self, provider: Provider, texts: Texts, files: Files) -> None:
        self._provider = provider
        self._texts = texts
        self._files = files
        self._table = provider.store.batches
        self._throttle = Throttle()

    def create(self, account: str, batch_id: str, request: Mapping[str, Any]) -> Batch:
        """A batch over a file of this account, to be validated.

        Raises:
            WireError: Refused; there is no batch.
        """
        self._take(account, "create")
        window = _checked_window(request)
        file = self._files.get(account, str(request.get("input_file_id")))
        if file.purpose != "batch":
            raise invalid("The purpose of the input file must be batch - 'input_file_id'")
        now_ms, config = self._provider.clock.now_ms(), self._provider.config
        starts_ms = now_ms + config.scaled_ms(config.texts.batch_validation_seconds)
        works_until_ms = starts_ms + config.scaled_ms(config.texts.batch_run_seconds)
        window_seconds = config.texts.batch_window_seconds
        batch = Batch(
            batch_id=batch_id,
            account=account,
            input_file_id=file.file_id,
            endpoint=request["endpoint"],
            completion_window=request["completion_window"],
            metadata=json.dumps(_checked_metadata(request), ensure_ascii=False),
            status="validating",
            created_ms=now_ms,
            starts_ms=starts_ms,
            works_until_ms=works_until_ms,
            ends_ms=works_until_ms + config.scaled_ms(config.texts.batch_end_seconds),
            expires_ms=now_ms + config.scaled_ms(window * 3600 if window_seconds is None else window_seconds),
        )
        self._table.save(batch)
        return batch

    def get(self, account: str, batch_id: str) -> Batch:
        """A batch as it stands.

        Raises:
            WireError: There is none, or none any more.
        """
        self._take(account, "get")
        return self._found(account, batch_id)

    def page(self, which: BatchFilter, after: str, limit: int) -> list[Batch]:
        """The newest batches behind the one with the id *after*.

        Raises:
            WireError: There is no batch *after*, or too much was asked in this minute.
        """
        self._take(which.account, "list")
        if after:
            which = replace(which, before_sequence=self._found(which.account, after).sequence)
        self.settle()
        return self._table.page(which, limit)

    def cancel(self, account: str, batch_id: str) -> Batch:
        """Let no more lines begin.

        Raises:
            WireError: There is no such batch, or it is over.
        """
        self._take(account, "cancel")
        batch = self._found(account, batch_id)
        if batch.status not in {"validating", "in_progress", "finalizing"}:
            raise WireError(400, "invalid_request_error", f"Cannot cancel a batch with status '{batch.status}'.")
        batch = replace(batch, status="cancelling", cancelling_ms=self._provider.clock.now_ms())
        self._table.save(batch)
        return batch

    def counts(self, batch: Batch) -> tuple[int, int, int]:
        """How many lines there are, how many were answered, and how many failed."""
        return self._table.counts(batch.batch_id)

    def settle(self) -> None:
        """Make everything happen that has fallen due."""
        now_ms = self._provider.clock.now_ms()
        for batch in self._table.unfinished():
            with self._provider.store.transaction():
                self._settle(batch, now_ms)

    def _settle(self, batch: Batch, now_ms: int) -> None:
        if batch.status == "validating" and now_ms >= batch.starts_ms:
            batch = self._validated(batch)
        if batch.status == "in_progress":
            batch = self._worked(batch, now_ms)
        if batch.status == "finalizing" and now_ms >= batch.ends_ms:
            self._close(batch, "completed", batch.ends_ms)
        config = self._provider.config
        cancelled_ms = (batch.cancelling_ms or 0) + config.scaled_ms(config.texts.batch_cancel_seconds)
        if batch.status == "cancelling" and now_ms >= cancelled_ms:
            self._close(batch, "cancelled", cancelled_ms)

    def _validated(self, batch: Batch) -> Batch:
        content = self._files.content(batch.account, batch.input_file_id)
        lines, errors = read_lines(content or b"", batch.endpoint, self._provider.config)
        if errors:
            batch = replace(batch, status="failed", errors=json.dumps(errors), closed_ms=batch.starts_ms)
        else:
            batch = replace(batch, status="in_progress")
            self._table.add_lines(batch.batch_id, lines)
        self._table.save(batch)
        return batch

    def _worked(self, batch: Batch, now_ms: int) -> Batch:
        until_ms = min(now_ms, batch.expires_ms)
        total, answered, failed = self._table.counts(batch.batch_id)
        span_ms = max(batch.works_until_ms - batch.starts_ms, 1)
        is_done = until_ms >= batch.works_until_ms
        due = total if is_done else total * max(until_ms - batch.starts_ms, 0) // span_ms
        for line in self._table.waiting(batch.batch_id, due) if due > answered + failed else ():
            result, is_ok = self._answered(batch, line, batch.starts_ms + span_ms * (line.number + 1) // total)
            self._table.finish_line(batch.batch_id, line.number, json.dumps(result, ensure_ascii=False), is_ok=is_ok)
        if is_done:
            batch = replace(batch, status="finalizing")
            self._table.save(batch)
        elif now_ms >= batch.expires_ms:
            batch = self._close(batch, "expired", batch.expires_ms)
        return batch

    def _answered(self, batch: Batch, line: Line, at_ms: int) -> tuple[dict[str, Any], bool]:
        """The line of a result file, and whether it belongs to the good ones."""
        request_id = self._provider.new_id()
        body = json.loads(line.request)["body"]
        status, error = 200, None
        try:
            if body["model"] == TEST_MODEL:
                answer = _test_answer(request_id, at_ms)
            else:
                place = BatchPlace(batch.batch_id, line.custom_id, request_id)
                answer = document_of(self._texts.complete_line(batch.account, place, body, at_ms))
        except WireError as refusal:
            status, answer = refusal.status, text_error(refusal, request_id)
            error = {"code": answer["error"]["code"], "message": refusal.message}
        response = {"status_code": status, "request_id": request_id, "body": answer}
        return {"id": request_id, "custom_id": line.custom_id, "response": response, "error": error}, error is None

    def _close(self, batch: Batch, status: str, closed_ms: int) -> Batch:
        lines = self._table.lines(batch.batch_id)
        good = [line.result for line in lines if line.is_ok and line.result is not None]
        bad = [line.result or _undone(line, status, self._provider.new_id()) for line in lines if not line.is_ok]
        batch = replace(
            batch,
            status=status,
            closed_ms=closed_ms,
            output_file_id=self._write(batch, "output", good, closed_ms),
            error_file_id=self._write(batch, "error", bad, closed_ms),
        )
        self._table.save(batch)
        return batch

    def _write(self, batch: Batch, kind: str, lines: list[str], created_ms: int) -> str | None:
        if not lines:
            return None
        file_id = f"file-batch_{kind}-{self._provider.new_id()}"
        content = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")
        file = StoredFile(
            file_id, batch.account, f"{batch.batch_id}_{kind}.jsonl", "batch_output", len(content), created_ms
        )
        self._provider.store.files.insert(file, content)
        return file_id

    def _found(self, account: str, batch_id: str) -> Batch:
        self.settle()
        batch = self._table.get(account, batch_id)
        if batch is None or self._provider.clock.now_ms() >= batch.created_ms + KEPT_MS:
            raise WireError(404, "invalid_request_error", f"No batch found with id '{batch_id}'.")
        return batch

    def _take(self, account: str, kind: str) -> None:
        limit, now_ms = _PER_MINUTE[kind], self._provider.clock.now_ms()
        is_throttling = self._provider.config.limits.is_throttling
        if is_throttling and not self._throttle.admits(f"{kind}:{account}", limit, now_ms, window_ms=_MINUTE_MS):
            raise WireError(429, "limit_requests", "You exceeded your current requests list.")


def _checked_window(request: Mapping[str, Any]) -> int:
    """The hours of a request that can become a batch."""
    if request.get("endpoint") not in {ENDPOINT, TEST_ENDPOINT}:
        raise invalid(f"Invalid value: only {ENDPOINT} is supported - 'endpoint'")
    found = _WINDOW.fullmatch(str(request.get("completion_window")))
    hours = int(found[1]) * (24 if found[2] == "d" else 1) if found else 0
    if not _HOURS_MIN <= hours <= _HOURS_MAX:
        raise invalid("Invalid value: it must be between 24h and 336h - 'completion_window'")
    return hours


def _checked_metadata(request: Mapping[str, Any]) -> dict[str, Any]:
    metadata = request.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise invalid("Input should be a valid dictionary - 'metadata'")
    for name, most in (("ds_name", _NAME_CHARACTERS_MAX), ("ds_description", _DESCRIPTION_CHARACTERS_MAX)):
        value = metadata.get(name, "")
        if not isinstance(value, str) or len(value) > most:
            raise invalid(f"It should be a string with at most {most} characters - 'metadata.{name}'")
    return metadata


def _test_answer(request_id: str, at_ms: int) -> dict[str, Any]:
    message = {"content": "This is a test result."}
    return {
        "created": at_ms // 1000,
        "usage": {"completion_tokens": 20, "prompt_tokens": 20, "total_tokens": 40},
        "model": TEST_MODEL,
        "id": f"chatcmpl-{request_id}",
        "choices": [{"finish_reason": "stop", "index": 0, "message": message}],
        "object": "chat.completion",
    }


def _undone(line: Line, status: str, request_id: str) -> str:
    code, message = _UNDONE[status]
    error = {"code": code, "message": message}
    return json.dumps({"id": request_id, "custom_id": line.custom_id, "response": None, "error": error})
