"""One call as the operations see it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from starlette.datastructures import FormData
from starlette.requests import Request

# RecursionError: a body may nest deeper than the parser goes.
_NO_JSON: Final = (ValueError, RecursionError)


@dataclass(slots=True)
class Call:
    """What arrived, and what was found out about it for faults and the log."""

    operation: str
    request: Request
    request_id: str
    body: bytes = b""
    form: FormData | None = None
    """Set for uploads, whose body is a form."""
    account: str = ""
    model: str = ""
    task_id: str = ""
    """Of the task, file or batch that the path names, or that was made."""
    prompt: str = ""
    document: dict[str, Any] | None = None
    """The body as a JSON object, or ``None`` when it is none."""

    @property
    def is_text(self) -> bool:
        """Whether it is for a language model, whose errors look otherwise."""
        return self.operation in {"chat", "models"} or self.operation.startswith(("file-", "batch-"))

    def header(self, name: str) -> str:
        """A header's value, or an empty text."""
        return str(self.request.headers.get(name, ""))

    def query(self, name: str) -> str:
        """A query parameter's value, or an empty text."""
        return str(self.request.query_params.get(name, ""))

    def is_enabled(self, header: str) -> bool:
        """Whether a header says ``enable``."""
        return self.header(header).lower() == "enable"

    async def close(self) -> None:
        """Remove the temporary files of a form."""
        if self.form is not None:
            await self.form.close()

    def keep_body(self, body: bytes) -> None:
        """Take the body, and its JSON object if it is one."""
        self.body = body
        try:
            document = json.loads(body)
        except _NO_JSON:
            return
        self.document = document if isinstance(document, dict) else None
