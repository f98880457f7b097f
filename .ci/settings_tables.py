"""The tables of docs/settings.md, from the classes that read the environment; cog puts them there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from api.settings import ApiSettings
from models.settings import ServiceSettings, WebhookSettings
from workers.settings import (
    ArchiveSettings,
    BillSettings,
    CelerySettings,
    DeliverySettings,
    PollSettings,
    ProviderSettings,
    ReconcileSettings,
    SubmitSettings,
    TextSettings,
)
from workers.timings import is_timing, timing_name

SUBJECTS: Final[dict[str, type[BaseSettings]]] = {
    "Services: API and workers": ServiceSettings,
    "Webhooks: API and workers": WebhookSettings,
    "API": ApiSettings,
    "Provider": ProviderSettings,
    "Language models": TextSettings,
    "The provider's bill": BillSettings,
    "Fetching results": ArchiveSettings,
    "Posting webhooks": DeliverySettings,
    "Celery": CelerySettings,
}
TIMINGS: Final[dict[str, type[BaseSettings]]] = {
    "provider": ProviderSettings,
    "submitting": SubmitSettings,
    "language models": TextSettings,
    "lost answers": ReconcileSettings,
    "polling": PollSettings,
    "fetching results": ArchiveSettings,
    "posting webhooks": DeliverySettings,
    "messages": CelerySettings,
}


def sections() -> Iterator[str]:
    """A section with a table for each subject; a variable that two of them read is in the first."""
    seen: set[str] = set()
    for subject, settings in SUBJECTS.items():
        yield from _table(subject, settings, seen)


def timings() -> Iterator[str]:
    """A table of the timings, which are no settings."""
    yield from ("| timing | of | means | is |", "|---|---|---|---|")
    for subject, settings in TIMINGS.items():
        for name, field in settings.model_fields.items():
            if is_timing(field):
                meaning = field.description or ""
                yield f"| `{timing_name(settings, name)}` | {subject} | {meaning} | `{field.default}` |"


def _table(subject: str, settings: type[BaseSettings], seen: set[str]) -> Iterator[str]:
    yield from (f"## {subject}", "", "| variable | means | unless set |", "|---|---|---|")
    for variable, meaning, default in variables(settings):
        if variable not in seen:
            yield f"| `{variable}` | {meaning} | {default} |"
        seen.add(variable)
    yield ""


def variables(settings: type[BaseSettings]) -> Iterator[tuple[str, str, str]]:
    """Name, meaning and default of each variable that a class reads."""
    prefix = settings.model_config.get("env_prefix", "")
    for name, field in settings.model_fields.items():
        if is_timing(field):
            continue
        value = field.default
        shown = value.get_secret_value() if isinstance(value, SecretStr) else value
        yield f"{prefix}{name}".upper(), field.description or "", "none" if shown is None else f"`{shown}`"
