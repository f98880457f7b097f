"""Runs of several calls, written once for both clients: tools that are called, answers that are repaired.

A run is a generator: it yields steps (send this, call that) and gets what came of each. It does no I/O.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Generic, TypeAlias, TypeVar, cast

from pydantic import BaseModel, ValidationError

from reelqueue.catalog.text_models import text_model
from reelqueue.errors import InvalidRequestError
from reelqueue.qwen.answer import Answer, FinishReason, ToolCall
from reelqueue.qwen.answers.fence import without_fence
from reelqueue.qwen.client._functions import FunctionTool, as_json, function_tools
from reelqueue.qwen.cost import TextCost
from reelqueue.qwen.errors import TextError, TextGivenUpError
from reelqueue.qwen.messages import Message, SystemMessage, ToolMessage, ToolResultPart, UserMessage
from reelqueue.qwen.request import ResponseFormat, TextRequest, ToolChoice
from reelqueue.qwen.wire.builder import BuiltTextRequest
from reelqueue.qwen.wire.rules import texts_of
from reelqueue.states import FailureClass

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

_ERRORS_MAX: Final = 8
_CHARACTERS_MAX: Final = 2000


@dataclass(frozen=True, slots=True)
class Ask:
    """Step: send this once and give the answer back."""

    built: BuiltTextRequest


@dataclass(frozen=True, slots=True)
class Call:
    """Step: call a function and return its result."""

    function: Callable[..., Any]
    arguments: dict[str, Any]


Steps: TypeAlias = Generator[Ask | Call, object, T]
"""A run that ends with a ``T``. A driver throws in what a step raised."""


@dataclass(frozen=True, slots=True)
class ToolRun:
    """What came of a question that tools were called for."""

    answer: Answer
    """The last one."""
    answers: tuple[Answer, ...]
    """Each was paid for."""
    messages: tuple[Message, ...]
    """The whole conversation, the last answer included."""

    @property
    def cost(self) -> TextCost | None:
        """Of all answers; None if that of any is not known."""
        return sum_of(self.answers)


@dataclass(frozen=True, slots=True)
class ObjectAnswer(Generic[M]):
    """An answer that fitted."""

    value: M
    answers: tuple[Answer, ...]
    """Each was paid for; the last one fitted."""

    @property
    def cost(self) -> TextCost | None:
        """Of all answers; None if that of any is not known."""
        return sum_of(self.answers)


@dataclass(slots=True)
class Run:
    """What a run has paid for, and what it may."""

    build: Callable[[TextRequest], BuiltTextRequest]
    max_cost: Decimal | None
    answers: list[Answer] = field(default_factory=list)

    def ask(self, request: TextRequest) -> Steps[Answer]:
        """The answer to one more call.

        Raises:
            InvalidRequestError: The first call cannot be made.
            TextGivenUpError: A later one cannot.
            TextError: It gave no whole answer.
        """
        try:
            built = self.build(request)
            self._check_cost(built)
        except InvalidRequestError as error:
            if not self.answers:
                raise
            raise self.give_up(str(error)) from error
        try:
            answer = cast("Answer", (yield Ask(built)))
        except TextError as error:
            error.earlier = tuple(self.answers)
            raise
        self.answers.append(answer)
        return answer

    def give_up(self, why: str) -> TextGivenUpError:
        """The error of a run that reached a bound."""
        return TextGivenUpError(why, failure=FailureClass.RESULT, earlier=tuple(self.answers))

    def _check_cost(self, built: BuiltTextRequest) -> None:
        if self.max_cost is None:
            return
        spent = sum_of(self.answers)
        if built.max_cost is None or (self.answers and spent is None):
            words = f"no price is known for {built.model}, so max_cost cannot be kept; give its price in the settings"
            raise InvalidRequestError("unpriced", words, "max_cost")
        so_far = spent.amount if spent else Decimal(0)
        if so_far + built.max_cost.amount > self.max_cost:
            most = built.max_cost
            raise InvalidRequestError(
                "over_max_cost",
                f"the next call may cost up to {most.amount:f} {most.currency}, {so_far:f} is spent, and max_cost is "
                f"{self.max_cost:f}; set max_output_tokens, or raise it",
                "max_cost",
            )


def sum_of(answers: Sequence[Answer]) -> TextCost | None:
    """What answers have cost together; None if that of any is not known."""
    total: TextCost | None = None
    for answer in answers:
        if answer.cost is None:
            return None
        total = answer.cost if total is None else total + answer.cost
    return total


def tool_steps(
    run: Run, request: TextRequest, functions: Sequence[Callable[..., Any]], max_rounds: int
) -> Steps[ToolRun]:
    """Ask, call what is asked for, and ask again, until an answer calls nothing."""
    tools = function_tools(functions)
    callers = {tool.name for tool in request.tools or ()}
    told = (*(request.tools or ()), *(tool.tool for tool in tools.values()))
    if len(callers | tools.keys()) < len(told):
        raise InvalidRequestError("conflicting_options", "functions: one has the name of a tool", "functions")
    asking = request.model_copy(update={"tools": told or None})
    for _ in range(max_rounds):
        answer = yield from run.ask(asking)
        is_callers = any(call.name in callers for call in answer.tool_calls)
        # Where one function is named some models end with "stop"; a cut answer's arguments are cut, too.
        if not answer.tool_calls or is_callers or answer.finish_reason is FinishReason.LENGTH:
            return ToolRun(answer, tuple(run.answers), (*asking.conversation, answer.as_message()))
        results = yield from _results(answer.tool_calls, tools)
        asking = asking.with_messages(answer.as_message(), ToolMessage(content=results))
        if isinstance(asking.tool_choice, ToolChoice):
            # Else the model would have to call it again.
            asking = asking.model_copy(update={"tool_choice": None})
    raise run.give_up(f"the model still calls tools after {max_rounds} rounds")


def _results(calls: Sequence[ToolCall], tools: dict[str, FunctionTool]) -> Steps[tuple[ToolResultPart, ...]]:
    """What each call gave, one after the other."""
    results: tuple[ToolResultPart, ...] = ()
    for call in calls:
        results += ((yield from _result(call, tools)),)
    return results


def _result(call: ToolCall, tools: dict[str, FunctionTool]) -> Steps[ToolResultPart]:
    """What one call gave, or in words why it gave nothing."""
    try:
        tool = tools.get(call.name)
        if tool is None:
            output: Any = f"Error: there is no tool {call.name!r}; there are {', '.join(tools)}."
        else:
            output = as_json((yield Call(tool.function, tool.read(call.arguments))))
    except ValidationError as error:
        output = f"Error: the arguments do not fit the schema of {call.name}:\n{_told(error)}"
    except Exception as error:  # noqa: BLE001 - whatever a function raises is the model's to know
        output = f"Error: {type(error).__name__}: {error}"[:_CHARACTERS_MAX]
    return ToolResultPart(tool_call_id=call.id, tool_name=call.name or None, output=output)


def object_steps(run: Run, request: TextRequest, kind: type[M], max_repairs: int) -> Steps[ObjectAnswer[M]]:
    """Ask, and send an answer that does not fit back with what is wrong."""
    asking = _asking_for(request, kind)
    for _ in range(max_repairs + 1):
        answer = yield from run.ask(asking)
        if answer.finish_reason is FinishReason.LENGTH:
            raise run.give_up("the answer was cut at its most tokens, in the middle of its JSON")
        try:
            value = kind.model_validate_json(without_fence(answer.text))
        except ValidationError as error:
            wrong = _told(error)
        else:
            return ObjectAnswer(value, tuple(run.answers))
        repair = (
            f"Your JSON does not fit the schema:\n{wrong}\nAnswer again with the whole corrected JSON object and "
            "nothing else."
        )
        asking = asking.with_messages(answer.as_message(), UserMessage(content=repair))
    raise run.give_up(f"no answer fitted {kind.__name__} after {max_repairs} repairs; the last one had: {wrong}")


def _asking_for(request: TextRequest, kind: type[BaseModel]) -> TextRequest:
    name = re.sub(r"[^A-Za-z0-9_-]", "_", kind.__name__)[:64]
    form = ResponseFormat(type="json_schema", json_schema=kind.model_json_schema(), name=name)
    asking = request.model_copy(update={"response_format": form})
    if not text_model(request.model).has_schema_mode or "json" in _words(asking).lower():
        return asking  # the system text holds the schema, or the word: the service insists on it
    head, *rest = asking.conversation
    if isinstance(head, SystemMessage):
        system = head.model_copy(update={"content": f"{head.content}\n\nAnswer with JSON."})
    else:
        system, rest = SystemMessage(content="Answer with JSON."), [head, *rest]
    return asking.model_copy(update={"system": None, "prompt": None, "messages": (system, *rest)})


def _words(request: TextRequest) -> str:
    return " ".join(text for message in request.conversation for text in texts_of(message))


def _told(error: ValidationError) -> str:
    """What is wrong with JSON, a line for each place."""
    errors = error.errors(include_url=False, include_context=False, include_input=False)
    lines = [f"- {'.'.join(map(str, each['loc'])) or 'the whole'}: {each['msg']}" for each in errors[:_ERRORS_MAX]]
    return "\n".join(lines)[:_CHARACTERS_MAX]
