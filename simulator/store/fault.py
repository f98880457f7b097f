"""One scripted fault and what it applies to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter

Operation = Literal[
    "submit",
    "query",
    "list",
    "cancel",
    "policy",
    "upload",
    "result",
    "quotas",
    "tokens",
    "chat",
    "models",
    "file-put",
    "file-get",
    "file-list",
    "file-content",
    "file-delete",
    "batch-create",
    "batch-get",
    "batch-list",
    "batch-cancel",
    "*",
]
"""What a call is for."""


@dataclass(frozen=True, slots=True)
class Match:
    """Which calls a fault applies to; unset parts match all."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    account: str | None = None
    model: str | None = None
    task_id: str | None = None
    prompt_contains: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong with a number of calls."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    operation: Operation
    kind: str
    """A name in `simulator.faults.kinds.KINDS`."""
    phase: Literal["before", "after"] = "before"
    """Before the effect is committed (no task is made) or after it (the task exists, the answer goes wrong)."""
    count: int | None = 1
    """How many calls; ``None`` for all until the faults are cleared."""
    skip: int = 0
    """How many matching calls pass unharmed first."""
    for_seconds: float | None = None
    """Ends this long (real time) after it was added, whatever its count: a storm of minutes."""
    match: Match = field(default_factory=Match)
    status: int = 500
    """HTTP status, for kinds that send one."""
    code: str = ""
    message: str = ""
    seconds: float = 1.0
    """Real length of a delay."""
    size_bytes: int = 1_000_000_000
    """Size of an oversized answer."""
    word: str = "SUSPENDED"
    """Status word, for kinds that change it."""
    location: str = "http://127.0.0.1:9/elsewhere"
    """Where a redirect points."""
    task_id: str = "../../etc/passwd"
    """The id that a kind puts in place of the real one."""
    retry_after: str | None = None
    added_ms: int = 0
    """Set by the simulator."""


_ADAPTER = TypeAdapter(Fault)


def load_fault(document: object) -> Fault:
    """A fault from JSON.

    Raises:
        pydantic.ValidationError: An unknown name or a value of the wrong type.
    """
    return _ADAPTER.validate_python(document)
