"""The record: tables, sessions and the guarded moves of a render job.

Importing this package defines every table, so that ``Base.metadata`` is whole.
"""

from models.account import Account
from models.api_key import ApiKey
from models.asset import Asset, AssetKind
from models.attempt import Attempt
from models.base import Base
from models.job_event import JobEvent
from models.job_reference import JobReference, ReferenceRole
from models.poll_lane import PollLane
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from models.slot import Slot

__all__ = [
    "Account",
    "ApiKey",
    "Asset",
    "AssetKind",
    "Attempt",
    "Base",
    "JobEvent",
    "JobReference",
    "PollLane",
    "ProviderTask",
    "ReferenceRole",
    "RenderJob",
    "Slot",
]
