"""Everything that can be set while the simulator runs, as typed values.

Durations are seconds *before* the time scale; the simulator divides them by it. Rates are per real second.
``POST /__sim__/config`` takes any part of this tree as JSON and the rest stays as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter

from simulator.billing.edits import BillEdit
from simulator.loopback import is_on_this_machine

_STRICT = ConfigDict(extra="forbid")


def _on_this_machine(url: str) -> str:
    if not is_on_this_machine(url):
        raise ValueError("the simulator calls only this machine; give a loopback address")
    return url


LoopbackUrl = Annotated[str, AfterValidator(_on_this_machine)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,40}$")]
Pixels = Annotated[int, Field(ge=16, le=4096, multiple_of=2)]


@dataclass(frozen=True, slots=True)
class RunTimes:
    """How long tasks run and wait. Real ones: 60-300 s with a tail to 12 min (vendor samples, 2026)."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    minimum_seconds: NotNegative = 60.0
    maximum_seconds: NotNegative = 300.0
    tail_share: Share = 0.02
    """Part of the tasks that run between the maximum and `tail_seconds`."""
    tail_seconds: NotNegative = 720.0
    queue_minimum_ms: NotNegative = 30.0
    """A task leaves PENDING no sooner than this, even on an idle account. Not scaled: it is gateway latency."""
    queue_maximum_ms: NotNegative = 50.0
    failure_minimum_seconds: NotNegative = 0.1
    """A task with bad parameters fails after this long."""
    failure_maximum_seconds: NotNegative = 3.0


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long things live after they were made."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    task_seconds: NotNegative = 86_400.0
    """After the submit; then the task is UNKNOWN."""
    result_url_seconds: NotNegative = 86_400.0
    """After the task's end; then the URL answers 403."""
    run_limit_seconds: NotNegative = 10_800.0
    """A task that has run this long fails with InternalError.Timeout."""
    upload_policy_seconds: NotNegative = 300.0
    upload_seconds: NotNegative = 172_800.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Concurrency and rates per main account."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    is_throttling: bool = True
    slots: Count | None = None
    """Concurrent tasks for every model; unset takes each model's documented number."""
    slots_by_model: dict[str, Count] = field(default_factory=dict)
    submits_per_second: Count | None = None
    """For every model; unset takes each model's documented number."""
    queries_per_second: Count = 20
    """Of queries, of lists and of cancels: each kind has its own count."""
    uploads_per_second: Count = 100
    over_slots: Literal["queue", "reject", "drop"] = "queue"
    """What happens to a submit when all slots are taken: waits as PENDING, 429, or accepted and forgotten."""
    queue_length: Count | None = None
    """Tasks of a model that may wait, as the list of quotas has it; unset: it does not say."""
    quota_page_size_max: Count | None = None
    """Pages of the list of quotas have no more rows than this."""
    retry_after_seconds: Count | None = None
    """Sent with each 429 when set; the service is not known to send it."""


@dataclass(frozen=True, slots=True)
class Listing:
    """How faithful ``GET /tasks`` is."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    lag_seconds: NotNegative = 0.0
    """A task is listed only when it is older than this."""
    foreign_rows: Annotated[int, Field(ge=0, le=100)] = 0
    """Rows of tasks that this account never made, at the top of each first page."""
    page_size_max: Count | None = None
    """Pages have no more rows than this, whatever was asked for; the answer says so."""
    is_shuffled: bool = False
    """Rows come in any order."""
    is_doubled: bool = False
    """Each row comes twice; `total` counts it once."""


@dataclass(frozen=True, slots=True)
class Clips:
    """What result files look like."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    width: Pixels | None = None
    """Set with `height` (64 x 36, say) for load tests: one small file serves every task of one length."""
    height: Pixels | None = None
    seconds: Positive | None = None
    """Length of every clip, whatever was asked; the bill does not change."""
    frames_per_second: Count | None = None
    """Unset takes the model's own."""
    mark: Word | None = None
    """What each file has in a box at its end, as a mark of generated content."""


@dataclass(frozen=True, slots=True)
class Texts:
    """How language models behave."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    requests_per_minute: Count | None = None
    """Per account and model; unset: as many as come."""
    tokens_per_minute: Count | None = None
    """Input and output, per account and model."""
    cache_seconds: NotNegative = 300.0
    """For how long a marked prefix is kept after it was last used."""
    extra_models: list[str] = field(default_factory=list)
    """Ids to answer although no table has them."""
    batch_validation_seconds: NotNegative = 10.0
    batch_run_seconds: NotNegative = 600.0
    """How long the lines of a batch take, the last one included; longer than its window: it expires."""
    batch_end_seconds: NotNegative = 10.0
    """How long the result files of a batch are written."""
    batch_cancel_seconds: NotNegative = 10.0
    batch_window_seconds: NotNegative | None = None
    """After which the open lines of a batch expire; unset: the hours that it asks for."""


@dataclass(frozen=True, slots=True)
class Billing:
    """The provider's own bill."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    access_keys: dict[str, str] = field(default_factory=lambda: {"simulator": "simulator"})
    """Secret of each AccessKey that may read it; no secret, as nothing but this machine reaches the simulator."""
    may_read: bool = True
    """Off: the keys lack the right."""
    page_size_max: Count = 300
    edits: list[BillEdit] = field(default_factory=list)
    """Errors and circumstances, in this order."""


@dataclass(frozen=True, slots=True)
class ModelList:
    """The list of models with their prices, and what is wrong with it."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    prices: dict[str, dict[str, str]] = field(default_factory=dict)
    """Price of a second by model and type (``video_ratio_720p``, ``720P_no_audio``): listed, and billed to what is
    submitted from now on."""
    ends: dict[str, str] = field(default_factory=dict)
    """Time of Beijing at which a model ends, as it is listed; the model goes on until `gone` names it."""
    gone: list[str] = field(default_factory=list)
    """Models that are neither listed nor accepted any more."""
    missing: list[str] = field(default_factory=list)
    """Models that work, and that the list lacks."""
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Fields of a model's row that are listed as given: null prices, another unit, another spelling."""
    page_size_max: Count | None = None
    """Pages have no more rows than this, whatever was asked for; the answer says so."""
    factor: Positive = 1.0
    """Listed prices are so many times what is billed: those of another currency."""
    rows_max: Count | None = None
    """The list ends after so many rows; its total does not say so."""
    is_absent: bool = False
    """404: this host has no such list."""


@dataclass(frozen=True, slots=True)
class Wire:
    """How answers are worded where the documentation leaves it open."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    headers: dict[str, str] = field(default_factory=dict)
    """Sent with each answer, in place of those of the same name."""
    echo: Literal["at_end", "always", "never"] = "at_end"
    """When a task's answer has the prompt as it was sent."""
    rewritten: dict[str, bool] = field(default_factory=dict)
    """Models whose finished tasks have a rewritten prompt, or have none, other than documented."""
    usage: dict[str, dict[str, int | float | str | bool]] = field(default_factory=dict)
    """Fields of a model's ``usage``, no others: the measured number where there is one, as the kind of the given."""
    cancels_running: bool = False
    """A task that renders is cancelled as well, and not billed."""


@dataclass(frozen=True, slots=True)
class Announcements:
    """Events about finished tasks, as Alibaba's EventBridge would deliver them."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    url: LoopbackUrl | None = None
    """Where events are posted; none are while it is unset."""
    repeated_share: Share = 0.0
    lost_share: Share = 0.0
    is_shuffled: bool = False


@dataclass(frozen=True, slots=True)
class SimulatorConfig:
    """The simulator's whole behaviour apart from scripted faults."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    time_scale: Positive = 1.0
    """Durations are divided by this."""
    region: str = "ap-southeast-1"
    """Prices and the listing's region column."""
    clock_ahead_seconds: float = 0.0
    """Every time on the wire is so much later, in answers and in what is asked for; negative: earlier. Nothing lasts
    longer or shorter for it."""
    is_in_arrears: bool = False
    unknown_is_404: bool = False
    """Answer 404 for an unknown task, as some workspace hosts are said to, in place of 200 UNKNOWN."""
    extra_models: list[str] = field(default_factory=list)
    """Model ids to accept although the catalog has no table for them; nothing about them is checked."""
    assumed_input_seconds: NotNegative = 5.02
    """Length of every input video; the simulator does not measure them, but bills them."""
    revoked_accounts: list[str] = field(default_factory=list)
    """Accounts whose keys answer 401 from now on; ``*`` means all."""
    run_times: RunTimes = field(default_factory=RunTimes)
    lifetimes: Lifetimes = field(default_factory=Lifetimes)
    limits: Limits = field(default_factory=Limits)
    listing: Listing = field(default_factory=Listing)
    clips: Clips = field(default_factory=Clips)
    announcements: Announcements = field(default_factory=Announcements)
    texts: Texts = field(default_factory=Texts)
    billing: Billing = field(default_factory=Billing)
    model_list: ModelList = field(default_factory=ModelList)
    wire: Wire = field(default_factory=Wire)

    @property
    def clock_ahead_ms(self) -> int:
        """How much later a time on the wire is than the simulator's own."""
        return round(self.clock_ahead_seconds * 1000)

    def scaled_ms(self, seconds: float) -> int:
        """A simulated duration as real milliseconds."""
        return round(seconds * 1000 / self.time_scale)


_ADAPTER = TypeAdapter(SimulatorConfig)


def load_config(document: Mapping[str, Any]) -> SimulatorConfig:
    """A configuration from JSON.

    Raises:
        pydantic.ValidationError: An unknown name or a value of the wrong type; nothing was changed.
    """
    return _ADAPTER.validate_python(dict(document))


def patch_config(config: SimulatorConfig, patch: Mapping[str, Any]) -> SimulatorConfig:
    """*config* with the parts that *patch* names replaced, group by group."""
    document = asdict(config)
    for name, value in patch.items():
        if isinstance(value, Mapping) and isinstance(document.get(name), dict):
            document[name] |= value
        else:
            document[name] = value
    return load_config(document)
