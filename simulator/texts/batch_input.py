"""What a file of requests must be like, checked while a batch is validated."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from simulator.config import SimulatorConfig
from simulator.store.batches import Line

ENDPOINT: Final = "/v1/chat/completions"
TEST_ENDPOINT: Final = "/v1/chat/ds-test"
TEST_MODEL: Final = "batch-test-model"
_MODELS: Final = frozenset({"qwen-max", "qwen-plus", "qwen-turbo", "qwen-flash", "qwen3-max", "qwen3.5-flash"})
_LINES_MAX: Final = 50_000
_TEST_LINES_MAX: Final = 100
_LINE_BYTES_MAX: Final = 6 * 1024 * 1024
_ERRORS_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class InputError(Exception):
    """Why the file cannot be worked on."""

    code: str
    message: str
    line: int | None = None

    def document(self) -> dict[str, Any]:
        """As the batch shows it."""
        return {"code": self.code, "message": self.message, "param": None, "line": self.line}


def read_lines(content: bytes, endpoint: str, config: SimulatorConfig) -> tuple[list[Line], list[dict[str, Any]]]:
    """The requests of a file, or what is wrong with it; one of the two is empty."""
    rows = [(number, row) for number, row in enumerate(content.split(b"\n"), 1) if row.strip()]
    most = _TEST_LINES_MAX if endpoint == TEST_ENDPOINT else _LINES_MAX
    if not rows:
        return [], [InputError("empty_file", "The input file is empty. Please ensure it has requests.").document()]
    if len(rows) > most:
        message = f"The batch input file contains more than the maximum number of requests of {most}."
        return [], [InputError("too_many_tasks", message).document()]
    reader = _Reader(endpoint, config)
    lines: list[Line] = []
    errors: list[dict[str, Any]] = []
    for number, row in rows:
        try:
            custom_id = reader.read(number, row)
        except InputError as error:
            errors.append(error.document())
            if len(errors) == _ERRORS_SHOWN:
                break
        else:
            lines.append(Line(len(lines), custom_id, row.decode(), None, None))
    return ([], errors) if errors else (lines, [])


class _Reader:
    """Reads lines, and knows what those before had."""

    def __init__(self, endpoint: str, config: SimulatorConfig) -> None:
        self._endpoint = endpoint
        known = _MODELS.union(config.texts.extra_models)
        self._models = {TEST_MODEL} if endpoint == TEST_ENDPOINT else known
        self._custom_ids: set[str] = set()
        self._mode: tuple[object, object] | None = None

    def read(self, number: int, row: bytes) -> str:
        """The custom id of a line.

        Raises:
            InputError: The line is refused, and with it the file.
        """
        for code, message in self._problems(row):
            raise InputError(code, message, number)
        document = json.loads(row)
        self._custom_ids.add(document["custom_id"])
        return str(document["custom_id"])

    def _problems(self, row: bytes) -> Iterator[tuple[str, str]]:
        if len(row) > _LINE_BYTES_MAX:
            yield "line_too_long", "The line is longer than 6 MB."
        document = _object(row)
        body = document.get("body")
        if not document or not isinstance(body, dict):
            yield "invalid_json_line", "This line is not parseable as valid JSON."
            return
        custom_id, model = document.get("custom_id"), body.get("model")
        if not isinstance(custom_id, str) or not custom_id:
            yield "missing_required_parameter", "Missing required parameter: custom_id."
        if custom_id in self._custom_ids:
            yield "duplicate_custom_id", f"The custom_id {custom_id} for this request is a duplicate of another."
        if document.get("method") != "POST":
            yield "invalid_method", "Invalid value of method: only POST is supported."
        if document.get("url") != self._endpoint:
            yield "mismatched_endpoint", "The url provided for this request does not match the endpoint of the batch."
        if model not in self._models:
            yield "model_not_found", f"The provided model {model} is not supported by the Batch API."
        mode = (model, body.get("enable_thinking"))
        self._mode = self._mode or mode
        if mode[0] != self._mode[0]:
            yield "mismatched_model", "Each batch must contain requests for a single model."
        if mode != self._mode:
            yield "mismatched_thinking", "Each batch must contain requests for a single thinking mode."


def _object(row: bytes) -> dict[str, Any]:
    try:
        document = json.loads(row)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
