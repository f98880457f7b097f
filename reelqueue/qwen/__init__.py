"""The Qwen language models: what is asked, the exact call, the answer, and what it costs.

>>> from reelqueue.qwen import build_text, parse_text_request
>>> built = build_text(parse_text_request({"model": "qwen-plus", "prompt": "Name a boat."}))
>>> built.body["messages"]
[{'role': 'user', 'content': [{'type': 'text', 'text': 'Name a boat.'}]}]
"""

from __future__ import annotations

from reelqueue.catalog.text_price_list import TextPrice, TextTier
from reelqueue.qwen.answer import Answer, FinishReason, TextDelta, ToolCall
from reelqueue.qwen.batch.client import QwenBatches, TextBatch
from reelqueue.qwen.batch.questions import BatchQuestion
from reelqueue.qwen.batch.results import BatchResult
from reelqueue.qwen.client._async import AsyncQwenClient, AsyncTextReply
from reelqueue.qwen.client._runs import ObjectAnswer, ToolRun
from reelqueue.qwen.client._sync import QwenClient, TextReply
from reelqueue.qwen.cost import TextCost
from reelqueue.qwen.errors import (
    TextError,
    TextFailedError,
    TextGivenUpError,
    TextIncompleteError,
    TextMaybeBilledError,
    TextNoAnswerError,
    TextNotSentError,
    TextRefusedError,
    TextServerError,
    TextUnreadableError,
)
from reelqueue.qwen.messages import (
    AssistantMessage,
    ImagePart,
    Message,
    ReasoningPart,
    SystemMessage,
    TextPart,
    ToolCallPart,
    ToolMessage,
    ToolResultPart,
    UserMessage,
)
from reelqueue.qwen.request import ResponseFormat, TextRequest, Tool, ToolChoice, parse_text_request
from reelqueue.qwen.settings import QwenSettings, TextTimeLimits
from reelqueue.qwen.usage import Usage
from reelqueue.qwen.wire.builder import BuiltTextRequest, build_text

__all__ = [
    "Answer",
    "AssistantMessage",
    "AsyncQwenClient",
    "AsyncTextReply",
    "BatchQuestion",
    "BatchResult",
    "BuiltTextRequest",
    "FinishReason",
    "ImagePart",
    "Message",
    "ObjectAnswer",
    "QwenBatches",
    "QwenClient",
    "QwenSettings",
    "ReasoningPart",
    "ResponseFormat",
    "SystemMessage",
    "TextBatch",
    "TextCost",
    "TextDelta",
    "TextError",
    "TextFailedError",
    "TextGivenUpError",
    "TextIncompleteError",
    "TextMaybeBilledError",
    "TextNoAnswerError",
    "TextNotSentError",
    "TextPart",
    "TextPrice",
    "TextRefusedError",
    "TextReply",
    "TextRequest",
    "TextServerError",
    "TextTier",
    "TextTimeLimits",
    "TextUnreadableError",
    "Tool",
    "ToolCall",
    "ToolCallPart",
    "ToolChoice",
    "ToolMessage",
    "ToolResultPart",
    "ToolRun",
    "Usage",
    "UserMessage",
    "build_text",
    "parse_text_request",
]
