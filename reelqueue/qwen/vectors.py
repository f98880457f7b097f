"""``python -m reelqueue.qwen.vectors``: the exact request of each case, to be held against another client's.

Reads JSON lines ``{case, model, stream, settings, options}``, spelled as the AI SDK spells them, from standard input
or a file, and writes a line for each: ``{"url", "headers", "body"}`` or ``{"error": {"code", "message"}}``. Nothing is
sent. The markers ``$tool``, ``$bytes`` (base64), ``$url``, ``$undefined`` and ``$output`` stand for what JSON has not.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from reelqueue.errors import ConfigurationError, InvalidRequestError
from reelqueue.qwen.ai_sdk.markers import decoded
from reelqueue.qwen.ai_sdk.options import translated_request, translated_settings
from reelqueue.qwen.wire.builder import build_text


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the line of each case; 2 for arguments that name no file that can be read."""
    files = sys.argv[1:] if arguments is None else arguments
    if len(files) > 1 or any(name.startswith("-") and name != "-" for name in files):
        print("usage: python -m reelqueue.qwen.vectors [FILE]", file=sys.stderr)  # noqa: T201 - the command's talk
        return 2
    try:
        lines = sys.stdin.buffer if not files or files[0] == "-" else Path(files[0]).open("rb")  # noqa: SIM115
    except OSError as error:
        print(f"error: {files[0]}: {error.strerror}", file=sys.stderr)  # noqa: T201
        return 2
    with lines:
        for vector in vector_lines(lines):
            print(json.dumps(vector), flush=True)  # noqa: T201 - the command's output
    return 0


def vector_lines(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The request or the error of each case; never raises for what a line holds."""
    for line in lines:
        yield vector(line)


def vector(line: bytes) -> dict[str, Any]:
    """The request of one case, or why there is none."""
    try:
        return _request(line)
    except InvalidRequestError as error:
        return _error(error.code, error.message)
    except ConfigurationError as error:
        return _error("bad_setting", str(error))
    except Exception as error:  # noqa: BLE001 - a line of a stranger's must not cost the lines after it
        return _error("unexpected", f"{type(error).__name__}: {error}"[:500])


def _request(line: bytes) -> dict[str, Any]:
    try:
        case = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError("bad_json", f"the line is no JSON: {error}") from error
    if not isinstance(case, dict):
        raise InvalidRequestError("bad_json", f"the line must be a JSON object, not {type(case).__name__}")
    given: Any = decoded(case)
    settings = translated_settings(given.get("settings"))
    request = translated_request(given.get("model"), given.get("options"))
    built = build_text(request, settings, stream=given.get("stream") is True)
    headers = {**built.headers, "Authorization": f"Bearer {settings.key()}"}
    return {
        "url": built.url,
        "headers": {name.lower(): value for name, value in headers.items()},
        "body": dict(built.body),
    }


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


if __name__ == "__main__":
    sys.exit(main())
