"""An answer put together from its chunks; a whole answer is one chunk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from reelqueue.qwen.answer import FinishReason, TextDelta, ToolCall

CHARACTERS_MAX: Final = 16 * 1024 * 1024
"""Of text, thoughts and arguments together; four times what the longest answer has."""

_ENDS: Final = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
}
FAILED_FINISH: Final = "error_finish"
MODERATED_FINISH: Final = "content_filter"


class TooLongError(ValueError):
    """The answer is longer than any model's."""


@dataclass(slots=True)
class _OpenCall:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class Assembly:
    """What has come of an answer so far."""

    def __init__(self) -> None:
        self.model: str = ""
        self.finish: str | None = None
        """As the service spells it."""
        self.usage: object = None
        self._calls: list[_OpenCall] = []
        self._by_index: dict[int, _OpenCall] = {}
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._characters = 0

    @property
    def finish_reason(self) -> FinishReason | None:
        """How the answer ended; None if it did not."""
        return _ENDS.get(self.finish or "")

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The calls so far; complete at the end only, as half of the arguments may already parse."""
        return tuple(
            ToolCall(call.id or f"call_{at}", call.name, "".join(call.arguments)) for at, call in enumerate(self._calls)
        )

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._texts)

    @property
    def reasoning(self) -> str:
        """The thoughts so far."""
        return "".join(self._thoughts)

    def take(self, chunk: Mapping[str, object]) -> list[TextDelta]:
        """Add a chunk; what it adds to the answer.

        Raises:
            TooLongError: The answer goes on and on.
        """
        if isinstance(model := chunk.get("model"), str):
            self.model = model
        if chunk.get("usage") is not None:
            self.usage = chunk["usage"]
        choices = chunk.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, Mapping):
            return []
        if isinstance(finish := choice.get("finish_reason"), str) and finish:
            self.finish = finish
        said = choice.get("delta", choice.get("message"))
        if not isinstance(said, Mapping):
            return []
        return list(self._said(said))

    def _said(self, said: Mapping[str, object]) -> Iterator[TextDelta]:
        if isinstance(thought := said.get("reasoning_content"), str) and thought:
            self._count(thought)
            self._thoughts.append(thought)
            yield TextDelta("reasoning", thought)
        # A failure stands where the text would: it is none.
        if isinstance(text := said.get("content"), str) and text and self.finish != FAILED_FINISH:
            self._count(text)
            self._texts.append(text)
            yield TextDelta("text", text)
        calls = said.get("tool_calls")
        for position, call in enumerate(calls if isinstance(calls, list) else ()):
            if isinstance(call, Mapping):
                yield from self._called(call, position)

    def _called(self, delta: Mapping[str, object], position: int) -> Iterator[TextDelta]:
        index = delta.get("index")
        call = self._call(delta.get("id"), index if isinstance(index, int) else position)
        function = delta.get("function")
        if not isinstance(function, Mapping):
            return
        # Later deltas repeat the name, or leave it empty.
        if isinstance(name := function.get("name"), str) and name:
            call.name = name
        if isinstance(arguments := function.get("arguments"), str) and arguments:
            self._count(arguments)
            call.arguments.append(arguments)
            yield TextDelta("tool_call", arguments, next(at for at, one in enumerate(self._calls) if one is call))

    def _call(self, told_id: object, index: int) -> _OpenCall:
        """The call that a delta belongs to: the one with its id, else the last one at its index."""
        call_id = told_id if isinstance(told_id, str) else ""
        call = next((call for call in self._calls if call_id and call.id == call_id), None)
        if call is None:
            call = self._by_index.get(index)
            if call is None or (call_id and call.id):
                call = _OpenCall()
                self._calls.append(call)
        call.id = call.id or call_id
        self._by_index[index] = call
        return call

    def _count(self, text: str) -> None:
        self._characters += len(text)
        if self._characters > CHARACTERS_MAX:
            raise TooLongError(f"the answer has more than {CHARACTERS_MAX} characters")
