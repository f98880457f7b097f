"""The workers' settings, from the environment; nothing else reads it.

Grouped by subject, durations with their unit in the name. A missing or wrong value stops the
process at start and names the variable.
What is a `timing` stands here with the settings of its subject, and no variable of its own sets it.
"""

from __future__ import annotations

import functools
import ipaddress
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Self, TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import Field, ImportString, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.settings import ServiceSettings, WebhookSettings, read_settings
from reelqueue.backoff import Backoff
from reelqueue.builder import DEFAULT_VIDEO_BASE_URL, KEY_VARIABLES, PLAN_KEY
from reelqueue.errors import ConfigurationError
from reelqueue.qwen.batch.questions import FILE_BYTES_MAX, LINES_MAX
from reelqueue.url_safety import Network
from workers.timings import SettingsGroup, check_host, check_timings, timing

S = TypeVar("S", bound=BaseSettings)

_LONGEST_FAULT_BACKOFF_SECONDS = 3600.0


class ProviderSettings(SettingsGroup):
    """The default account, and how to reach it."""

    model_config = SettingsConfigDict(env_prefix="REELQUEUE_", frozen=True, extra="ignore")

    video_base_url: str = Field(
        default=DEFAULT_VIDEO_BASE_URL,
        pattern=r"^https?://[^/]+/?$",
        description="Scheme and host of the default account, without /api/v1; Singapore unless set",
    )
    http_transport: ImportString[Callable[[], httpx.AsyncBaseTransport]] | None = Field(
        default=None, description="module:function that makes the httpx transport of every call to the provider"
    )
    query_rate_per_second: float = timing(
        default=18,
        gt=0,
        le=20,
        description="Pace of an account's queries; the provider refuses more than 20 a second",
    )

    own_networks: str | None = Field(
        default=None,
        description="Networks that your DNS gives for public names, such as a VPN's 198.18.0.0/15; comma-separated. "
        "Results and webhooks may go there by name, so nothing that must be kept from tenants may listen in them",
    )
    prices_file: Path | None = Field(
        default=None,
        description="YAML file of an operator's prices, which count before the provider's list; read at start and "
        "every five minutes: docs/prices.md",
    )
    orphans: Literal["adopt", "report"] = Field(
        default="adopt",
        description="What becomes of tasks that the provider lists and no job here asked for: `adopt` archives their "
        "videos and enters what they cost, `report` only says so",
    )

    @field_validator("own_networks")
    @classmethod
    def _are_networks(cls, text: str | None) -> str | None:
        for part in _parts(text):
            ipaddress.ip_network(part)  # its error names the text and what is wrong with it
        return text

    @property
    def networks(self) -> Sequence[Network]:
        """What this network's DNS gives for public names."""
        return [ipaddress.ip_network(part) for part in _parts(self.own_networks)]

    @staticmethod
    def plain_host(base_url: str) -> str | None:
        """The provider's host, where it is spoken to without TLS: the simulator, here or in a private network.

        Its results may come from there, and over http; those of a provider with TLS come over https only.
        """
        parts = urlsplit(base_url)
        return parts.hostname if parts.scheme == "http" else None


class BillSettings(SettingsGroup):
    """Reading the provider's own bill; only `python -m workers bill` reads these."""

    model_config = SettingsConfigDict(env_prefix="REELQUEUE_BILL_", frozen=True, extra="ignore")

    access_key_id: str | None = Field(
        default=None, description="AccessKey of a RAM user that may call bssapi:DescribeInstanceBill, and nothing else"
    )
    access_key_secret: SecretStr | None = Field(default=None, description="Its secret")
    security_token: SecretStr | None = Field(default=None, description="Of temporary credentials (STS)")
    url: str = Field(
        default="https://business.ap-southeast-1.aliyuncs.com/",
        pattern=r"^https?://[^/?#]+/[^?#]*$",
        description="BssOpenApi of the site that the main account belongs to; China's is "
        "`https://business.aliyuncs.com/`",
    )


class SubmitSettings(SettingsGroup):
    """The paid POST; what may pass between its steps before a worker is believed dead."""

    model_config = SettingsConfigDict(env_prefix="REELQUEUE_SUBMIT_", frozen=True, extra="ignore")

    send_within_seconds: float = timing(
        default=15, gt=0, description="A worker that was frozen longer than this before the POST does not send it"
    )
    post_seconds: float = timing(
        default=30, gt=0, description="For one whole submit; longer by its size at a slow uplink's pace"
    )
    settle_within_seconds: float = timing(
        default=10, gt=0, description="Between a submit's end and the commit of its outcome; then its worker is dead"
    )

    fault_retries: int = timing(
        default=2, ge=0, description="How often a job is submitted again after the provider failed it by its own fault"
    )
    fault_backoff_seconds: float = timing(
        default=5, ge=0, description="Delay before it is submitted again after such a fault; doubles"
    )

    @property
    def fault_backoff(self) -> Backoff:
        """Delays before a job is submitted again after faults of the provider's own."""
        return Backoff(self.fault_backoff_seconds, _LONGEST_FAULT_BACKOFF_SECONDS)

    @model_validator(mode="after")
    def _send_below_post(self) -> Self:
        if self.send_within_seconds >= self.post_seconds:
            raise ValueError(
                "SUBMIT_SEND_WITHIN_SECONDS must be below SUBMIT_POST_SECONDS "
                f"({self.send_within_seconds:g} against {self.post_seconds:g}), or a late submit has no time left"
            )
        return self


class TextSettings(SettingsGroup):
    """Language models: where they are asked, and what may pass between the steps of a call."""

    model_config = SettingsConfigDict(env_prefix="REELQUEUE_TEXT_", frozen=True, extra="ignore")

    base_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^/]+(/.*)?$",
        description="Where the default account's language models are asked, such as "
        "`https://dashscope-intl.aliyuncs.com/compatible-mode/v1`; unless set, at `/compatible-mode/v1` of its host",
    )
    http_transport: ImportString[Callable[[], httpx.BaseTransport]] | None = Field(
        default=None, description="module:function that makes the httpx transport of every call to a language model"
    )
    send_within_seconds: float = timing(
        default=15, gt=0, description="A worker that was frozen longer than this before the call does not send it"
    )
    idle_seconds: float = timing(default=90, gt=0, description="A stream without an event for longer has broken off")
    total_seconds: float = timing(default=600, gt=0, description="For one whole answer")
    settle_within_seconds: float = timing(
        default=60,
        gt=0,
        description="Between an answer's end and the commit of its outcome, while Postgres may be away; then its "
        "worker is dead",
    )
    extend_seconds: float = timing(
        default=5, gt=0, description="How often the worker that reads an answer says that it lives"
    )
    retry_seconds: float = timing(default=5, ge=0, description="Before a call whose answer was lost is sent once more")
    blocked_seconds: float = timing(
        default=600, gt=0, description="How long a model waits at an account that may not use it"
    )

    @field_validator("base_url", mode="before")
    @classmethod
    def _empty_is_none(cls, url: object) -> object:
        return url or None  # compose.yaml cannot leave a variable out

    @property
    def silence_seconds(self) -> float:
        """A sent call that was silent for longer has lost its worker."""
        return self.idle_seconds + self.extend_seconds + self.settle_within_seconds


class BatchSettings(SettingsGroup):
    """Batches of text jobs: when they are gathered, sent, looked up and polled."""

    model_config = SettingsConfigDict(env_prefix="REELQUEUE_BATCH_", frozen=True, extra="ignore")

    gather_seconds: float = timing(
        default=60, ge=0, description="A batch is made when its oldest job has waited so long"
    )
    lines_max: int = timing(
        default=LINES_MAX, gt=0, le=LINES_MAX, description="Jobs of one batch; so many are not waited for"
    )
    bytes_max: int = timing(
        default=FILE_BYTES_MAX, gt=0, le=FILE_BYTES_MAX, description="Size of one batch's file; it is not waited for"
    )
    lease_seconds: float = timing(default=180, gt=0, description="A worker whose step takes longer counts as dead")
    send_within_seconds: float = timing(
        default=15, gt=0, description="A worker that was frozen longer than this before it makes a batch does not"
    )
    create_seconds: float = timing(
        default=120, gt=0, description="The request that makes a batch cannot be under way for longer"
    )
    settle_within_seconds: float = timing(
        default=10, gt=0, description="How long a worker tries to commit what only it knows"
    )
    first_look_seconds: float = timing(
        default=5, ge=0, description="After the answer was lost: the batch may still be on its way into the list"
    )
    ask_again_seconds: float = timing(default=30, gt=0, description="After a list that could not tell")
    absent_seconds: float = timing(
        default=180, gt=0, description="Between the two lists without a batch that prove that there is none"
    )
    poll_seconds: float = timing(default=30, gt=0, description="Between two polls of a batch")
    window_hours: int = timing(default=24, ge=24, le=336, description="What is not answered by then expires unpaid")
    give_up_hours: float = timing(
        default=72, gt=0, description="A batch that every step has failed to find out about for so long may be billed"
    )


class ReconcileSettings(SettingsGroup):
    """What became of a submit whose answer was lost, by the provider's listing."""

    model_config = SettingsConfigDict(env_prefix="REELQUEUE_RECONCILE_", frozen=True, extra="ignore")

    first_look_seconds: float = timing(
        default=5, ge=0, description="After the answer was lost: the task may still be on its way into the listing"
    )
    ask_again_seconds: float = timing(default=10, gt=0, description="After a listing that could not tell")
    absent_seconds: float = timing(
        default=60, gt=0, description="Between the two listings without a trace that rule a task out"
    )
    clock_skew_seconds: float = timing(
        default=120,
        ge=0,
        description="How far the provider's clock and the database's may drift apart unseen; how far apart they "
        "are is measured",
    )
    give_up_seconds: float = timing(default=3600, gt=0, description="After this without a verdict, an operator decides")
    evidence_hours: float = timing(
        default=23, gt=0, lt=24, description="For so long a listing proves absence; the provider keeps 24 hours"
    )
    resubmits: int = timing(
        default=1, ge=0, description="How often a job is submitted again once its task was ruled out"
    )


class PollSettings(SettingsGroup):
    """The poll chain."""

    model_config = SettingsConfigDict(env_prefix="REELQUEUE_POLL_", frozen=True, extra="ignore")

    batch_size: int = timing(default=36, gt=0, description="Queries of one batch: two seconds at the account's pace")
    lease_seconds: float = timing(default=30, gt=0, description="A batch that takes longer is believed dead")
    finest_seconds: float = timing(
        default=5, gt=0, description="Shortest delay between polls of a clip whose campaign file sets no interval"
    )
    late_interval_seconds: float = timing(
        default=60, gt=0, description="Interval of the slow watch over a task that has timed out here"
    )
    watch_hours: float = timing(default=24, gt=0, description="How long the provider keeps a task and its result")
    unknown_limit: int = timing(
        default=5, gt=0, description="UNKNOWN answers in a row after which the task list decides whether a task is lost"
    )
    unknown_seconds: float = timing(default=300, ge=0, description="No task is lost sooner than this after its submit")


@dataclass(frozen=True)
class DownloadLimits:
    """What a result's server may take from us."""

    max_bytes: int
    """A larger file is refused, whatever its headers said."""
    timeout_seconds: float
    """For the whole download."""
    headers_seconds: float
    """Until the headers are there, connecting included."""
    read_seconds: float
    """Without a byte."""


class ArchiveSettings(SettingsGroup):
    """Fetching results."""

    model_config = SettingsConfigDict(env_prefix="REELQUEUE_ARCHIVE_", frozen=True, extra="ignore")

    max_bytes: int = Field(default=2 * 1024**3, gt=0, description="A larger result is refused")
    timeout_seconds: float = timing(default=900, gt=0, description="For one whole download")
    headers_seconds: float = timing(
        default=30, gt=0, description="Until a result's server has sent its headers, connecting included"
    )
    read_seconds: float = timing(default=20, gt=0, description="A download without a byte for longer has broken off")
    lease_seconds: float = timing(
        default=45,
        gt=0,
        description="A fetch that is silent for longer is believed dead; longer than headers and a read may wait",
    )
    retry_seconds: float = timing(
        default=5, gt=0, description="Delay after the first failed fetch; doubles to 10 minutes"
    )
    expiry_alarm_hours: float = Field(
        default=6,
        gt=0,
        lt=24,
        description="So long before a result that waits is gone, an alarm is raised: in the log, by webhook, by doctor",
    )
    http_transport: ImportString[Callable[[], httpx.AsyncBaseTransport]] | None = Field(
        default=None,
        description="module:function that makes the httpx transport of every download, and sees to it alone that "
        "none leads into the network",
    )

    @property
    def download(self) -> DownloadLimits:
        """How large and how slow a result may be."""
        return DownloadLimits(self.max_bytes, self.timeout_seconds, self.headers_seconds, self.read_seconds)

    @model_validator(mode="after")
    def _silence_below_lease(self) -> Self:
        for variable, seconds in (("HEADERS", self.headers_seconds), ("READ", self.read_seconds)):
            if seconds >= self.lease_seconds:
                raise ValueError(
                    f"ARCHIVE_LEASE_SECONDS must be above ARCHIVE_{variable}_SECONDS "
                    f"({self.lease_seconds:g} against {seconds:g}), or a slow fetch is taken for a dead one"
                )
        return self


class DeliverySettings(SettingsGroup, WebhookSettings):
    """Posting webhooks, and notifying people."""

    webhook_timeout_seconds: float = timing(
        default=10, gt=0, description="For one post of a webhook, from looking its host up to the head of the answer"
    )
    webhook_first_retry_seconds: float = timing(
        default=5, gt=0, description="Delay after the first failed post of a webhook, or notification; doubles"
    )
    webhook_longest_retry_seconds: float = timing(default=3600, gt=0, description="Longest delay between them")
    webhook_give_up_hours: float = timing(
        default=24, gt=0, description="A webhook or notification that fails for longer is dead"
    )
    webhook_http_transport: ImportString[Callable[[], httpx.AsyncBaseTransport]] | None = Field(
        default=None,
        description="module:function that makes the httpx transport of every webhook, and sees to it alone that none "
        "leads into the network",
    )

    notification_timeout_seconds: float = timing(
        default=30, gt=0, description="For the few notifications that are sent to one channel at a time"
    )

    @property
    def notification_lease_seconds(self) -> float:
        """A worker that sends to a channel for longer is believed dead."""
        return 2 * self.notification_timeout_seconds

    @property
    def lease_seconds(self) -> float:
        """A batch of posts that takes longer is believed dead: its posts, and twice as long to store the answers."""
        return 3 * self.webhook_timeout_seconds


class CelerySettings(SettingsGroup):
    """Celery and its broker."""

    model_config = SettingsConfigDict(env_prefix="REELQUEUE_", frozen=True, extra="ignore")

    result_backend_url: SecretStr = Field(
        default=SecretStr("redis://127.0.0.1:6379/1"),
        description="Where the answer of intake.enqueue is kept for its producer",
    )
    visibility_timeout_seconds: int = timing(
        default=120, ge=4, description="After this the broker gives an unacknowledged message to another worker"
    )
    longest_countdown_seconds: int = timing(
        default=30, gt=0, description="Later wake-ups are reached in several hops, so that no message waits longer"
    )
    sweep_seconds: float = timing(default=5, gt=0, description="How often lost hints are issued again")
    overdue_seconds: float = timing(default=3, gt=0, description="A hint this much overdue is believed lost")
    death_limit: int = timing(
        default=3, gt=1, description="After so many workers died in a row with a job, an operator decides about it"
    )
    deaf_seconds: float = timing(
        default=15,
        gt=0,
        description="A worker that does nothing while its queues hold messages this long exits and restarts",
    )
    heartbeat_path: Path | None = Field(
        default=None, description="File that workers and beat touch while they are healthy; none unless set"
    )

    @model_validator(mode="after")
    def _countdown_below_visibility(self) -> Self:
        # Redis hands out a message again that waits in a worker longer than the visibility timeout,
        # and again each time it passes: measured, 200 messages ran 600 times.
        if self.longest_countdown_seconds * 2 > self.visibility_timeout_seconds:
            raise ValueError(
                "LONGEST_COUNTDOWN_SECONDS must be at most half of VISIBILITY_TIMEOUT_SECONDS "
                f"({self.longest_countdown_seconds} against {self.visibility_timeout_seconds})"
            )
        return self


@dataclass(frozen=True)
class Settings:
    """All of them; what is not given comes from the environment."""

    services: ServiceSettings = field(default_factory=ServiceSettings)
    provider: ProviderSettings = field(default_factory=ProviderSettings)
    submit: SubmitSettings = field(default_factory=SubmitSettings)
    text: TextSettings = field(default_factory=TextSettings)
    batch: BatchSettings = field(default_factory=BatchSettings)
    reconcile: ReconcileSettings = field(default_factory=ReconcileSettings)
    poll: PollSettings = field(default_factory=PollSettings)
    archive: ArchiveSettings = field(default_factory=ArchiveSettings)
    delivery: DeliverySettings = field(default_factory=DeliverySettings)
    celery: CelerySettings = field(default_factory=CelerySettings)


def _parts(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def load_settings() -> Settings:
    """Read every setting of the workers.

    Raises:
        ConfigurationError: A variable has a wrong value; the message names it.
    """
    check_timings(_GROUPS)
    return Settings(
        services=read_settings(ServiceSettings),
        provider=read_settings(ProviderSettings),
        submit=read_settings(SubmitSettings),
        text=read_settings(TextSettings),
        batch=read_settings(BatchSettings),
        reconcile=read_settings(ReconcileSettings),
        poll=read_settings(PollSettings),
        archive=read_settings(ArchiveSettings),
        delivery=read_settings(DeliverySettings),
        celery=read_settings(CelerySettings),
    )


_GROUPS: Final[tuple[type[BaseSettings], ...]] = (
    ProviderSettings, SubmitSettings, TextSettings, BatchSettings, ReconcileSettings, PollSettings,
    ArchiveSettings, DeliverySettings, CelerySettings,
)  # fmt: skip


@functools.cache
def settings() -> Settings:
    """The settings of this process, read once.

    Raises:
        ConfigurationError: A variable has a wrong value; the message names it.
    """
    found = load_settings()
    check_host(found.provider.video_base_url)
    _refuse_plan_key()
    return found


def _refuse_plan_key() -> None:
    """Refuse a default account's key whose use by a program has the account suspended."""
    for name in KEY_VARIABLES:
        if os.environ.get(name, "").strip().startswith(PLAN_KEY):
            raise ConfigurationError(
                f"{name} holds a plan key ({PLAN_KEY}...), and the provider's terms forbid automation with one and "
                "suspend who does it; set a pay-as-you-go key (sk-...)"
            )
