"""The options that all kinds of request have in common, before any check against a model."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, PrivateAttr
from pydantic.alias_generators import to_camel

from reelqueue.catalog import Mode
from reelqueue.requests.fields import (
    CustomId,
    Headers,
    JsonObject,
    Milliseconds,
    ModelId,
    NegativePrompt,
    OnTimeout,
    Priority,
    Raw,
    Seconds,
    Seed,
    StartBy,
    Switch,
    Text,
    Word,
)


class StrictModel(BaseModel):
    """A frozen shape without unknown keys, in snake_case or camelCase, whose errors quote no input."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid",
        # What the API's own description says of each option, too.
        use_attribute_docstrings=True,
        frozen=True,
        alias_generator=to_camel,
        populate_by_name=True,
        # Errors quote no input: it may be a prompt or a signed URL.
        hide_input_in_errors=True,
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: object) -> None:
        """Let `help` show how a request is constructed, and what each option means."""
        super().__pydantic_init_subclass__(**kwargs)
        if "__init__" not in vars(cls):
            return
        meanings = "".join(
            f"\n    {name}: {str(field.description).partition(chr(10))[0]}" for name, field in cls.model_fields.items()
        )
        cls.__init__.__doc__ = f"Check every option.\n\nArgs:{meanings}\n"
        options = inspect.Parameter("options", inspect.Parameter.VAR_KEYWORD)
        setattr(cls, "__signature__", inspect.Signature([options]))  # noqa: B010 - type checkers shall not see it


class RenderRequest(StrictModel):
    """What every request may say: a flat object of options.

    Construct one of its four kinds, which check themselves; this class checks nothing.
    """

    mode: ClassVar[Mode]

    model: ModelId
    """A model of the catalog, or any other id of the provider."""
    prompt: Text | None = None
    """What the video shows."""
    negative_prompt: NegativePrompt | None = None
    """What it must not show."""
    resolution: Word | None = None
    """A tier (`720P`) or a size in pixels (`1280x720`)."""
    duration: Seconds | None = None
    """Length of the video, in seconds."""
    seed: Seed | None = None
    """The same seed makes similar videos; the service chooses one unless given."""
    prompt_extend: Switch | None = None
    """Whether the service rewrites the prompt first; it does unless told not to."""
    watermark: Switch | None = None
    """Whether the service draws its mark on the video."""
    audio: Switch | None = None
    """Whether the video has sound, where the model lets one choose."""

    custom_id: CustomId | None = None
    """The producer's own name for the job."""
    priority: Priority = 0
    """Higher is dispatched first."""
    metadata: JsonObject | None = None
    """The producer's own notes, handed back with the job."""
    on_timeout: OnTimeout = "collect"
    """What becomes of a paid task whose job has timed out."""
    start_by: StartBy | None = None
    """The job expires if it has not been submitted by then."""
    poll_interval_ms: Milliseconds = 5000
    """Delay between polls; the first comes one interval after the submit."""
    poll_timeout_ms: Milliseconds = 600_000
    """Longest wait after the submit was accepted."""
    raw: Raw | None = None
    """Merged into `parameters`: for those that are newer than the catalog, never for what has an option.

    What is not published has no price either: a campaign with a budget stops before such a job.
    """
    headers: Headers | None = None
    """Extra headers for the provider: `X-DashScope-DataInspection`, and no other."""

    _warnings: tuple[str, ...] = PrivateAttr(default=())

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know before rendering it, one sentence each; found while it was checked."""
        return self._warnings

    def given(self, option: str) -> Any:  # noqa: ANN401 - options have many types
        """The value of an option; None where it is not given, or where this kind of request has no such option."""
        # Asking pydantic for an attribute that a kind lacks takes longer than all the rules of a model.
        return self.__dict__.get(option)

    def options(self) -> dict[str, Any]:
        """Every option that is not None, by its snake_case name, as JSON has it.

        ``parse_request(request.options() | {"mode": request.mode})`` is an equal request.
        """
        return self.model_dump(mode="json", exclude_none=True)
