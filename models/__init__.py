"""The record: tables, sessions and the guarded moves of a render job.

Importing this package defines every table, so that ``Base.metadata`` is whole.
"""

from models.account import Account
from models.account_clock import AccountClock
from models.api_key import ApiKey
from models.asset import Asset, AssetKind
from models.attempt import Attempt
from models.base import Base
from models.campaign import Campaign, OnAmbiguous, OnBudget
from models.campaign_count import CampaignCount
from models.campaign_spending import CampaignSpending
from models.clip_decision import ClipDecision
from models.clip_import import ClipImport
from models.daily_spending import DailySpending
from models.found_task import FoundTask
from models.job_event import JobEvent
from models.job_reference import JobReference, ReferenceRole
from models.ledger_entry import EntryKind, LedgerEntry
from models.model_list import ModelList
from models.model_price import ModelPrice
from models.notice import Notice, OperatorEvent
from models.notification_channel import NotificationChannel
from models.notification_delivery import NotificationDelivery
from models.poll_lane import PollLane
from models.provider_task import ProviderTask
from models.rate_limit import Turn
from models.render_job import RenderJob
from models.shared_clip import ClipTwin
from models.slot import Slot
from models.spending_cap import CapPeriod, SpendingCap
from models.staged_clip import StagedClip
from models.submit_gate import SubmitGate
from models.submit_lane import SubmitLane
from models.tenant import Tenant
from models.text_attempt import TextAttempt
from models.text_batch import TextBatch
from models.text_job import OnLostAnswer, TextJob
from models.text_lane import TextLane
from models.webhook_delivery import WebhookDelivery
from models.webhook_endpoint import WebhookEndpoint

__all__ = [
    "Account",
    "AccountClock",
    "ApiKey",
    "Asset",
    "AssetKind",
    "Attempt",
    "Base",
    "Campaign",
    "CampaignCount",
    "CampaignSpending",
    "CapPeriod",
    "ClipDecision",
    "ClipImport",
    "ClipTwin",
    "DailySpending",
    "EntryKind",
    "FoundTask",
    "JobEvent",
    "JobReference",
    "LedgerEntry",
    "ModelList",
    "ModelPrice",
    "Notice",
    "NotificationChannel",
    "NotificationDelivery",
    "OnAmbiguous",
    "OnBudget",
    "OnLostAnswer",
    "OperatorEvent",
    "PollLane",
    "ProviderTask",
    "ReferenceRole",
    "RenderJob",
    "Slot",
    "SpendingCap",
    "StagedClip",
    "SubmitGate",
    "SubmitLane",
    "Tenant",
    "TextAttempt",
    "TextBatch",
    "TextJob",
    "TextLane",
    "Turn",
    "WebhookDelivery",
    "WebhookEndpoint",
]
