"""The page of all settings, written from the classes that read them.

``python tests/system/docs/settings_page.py > docs/settings.md`` writes it anew.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings

ROOT = Path(__file__).parents[3]
HEAD = """# Settings

Everything is read from the environment, once, when a process starts.
A wrong value stops the process with one line that names the variable.
"""


def page() -> str:
    """The whole page."""
    from api.settings import ApiSettings
    from models.settings import ServiceSettings, WebhookSettings
    from workers.settings import (
        ArchiveSettings,
        CelerySettings,
        DeliverySettings,
        PollSettings,
        ProviderSettings,
        ReconcileSettings,
        SubmitSettings,
    )

    subjects = {
        "Services: API and workers": ServiceSettings,
        "Webhooks: API and workers": WebhookSettings,
        "API": ApiSettings,
        "Provider": ProviderSettings,
        "Submitting": SubmitSettings,
        "Lost answers": ReconcileSettings,
        "Polling": PollSettings,
        "Fetching results": ArchiveSettings,
        "Posting webhooks": DeliverySettings,
        "Celery": CelerySettings,
    }
    seen: set[str] = set()
    tables = (_table(subject, settings, seen) for subject, settings in subjects.items())
    return "\n".join([HEAD, *(line for table in tables for line in table)])


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
        value = field.default
        shown = value.get_secret_value() if isinstance(value, SecretStr) else value
        yield f"{prefix}{name}".upper(), field.description or "", "none" if shown is None else f"`{shown}`"


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.stdout.write(page())
