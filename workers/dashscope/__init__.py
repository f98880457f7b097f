"""DashScope (Alibaba Cloud Model Studio) as the workers see it; nothing outside speaks its wire."""

from workers.dashscope.client import DashScope, TooManyTasksError
from workers.dashscope.clock_comparison import MOST_OFFSET, ClockComparison, ClockReading
from workers.dashscope.errors import (
    MisdirectedError,
    NoAnswerError,
    NotSentError,
    ProviderError,
    RefusedError,
    ServerFaultError,
)
from workers.dashscope.task_list import TaskList
from workers.dashscope.wire import Acceptance, ListedTask, TaskAnswer

__all__ = [
    "MOST_OFFSET",
    "Acceptance",
    "ClockComparison",
    "ClockReading",
    "DashScope",
    "ListedTask",
    "MisdirectedError",
    "NoAnswerError",
    "NotSentError",
    "ProviderError",
    "RefusedError",
    "ServerFaultError",
    "TaskAnswer",
    "TaskList",
    "TooManyTasksError",
]
