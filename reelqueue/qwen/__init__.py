"""The Qwen language models: what is asked, the exact call, the answer, and what it costs.

>>> from reelqueue.qwen import build_text, parse_text_request
>>> built = build_text(parse_text_request({"model": "qwen-plus", "prompt": "Name a boat."}))
>>> built.body["messages"]
[{'role': 'user', 'content': [{'type': 'text', 'text': 'Name a boat.'}]}]
"""

from __future__ import annotations

from reelqueue.catalog.text_price_list import TextPrice, TextTier
from reelqueue.qwen.cost import TextCost
from reelqueue.qwen.request import ResponseFormat, TextRequest, Tool, ToolChoice, parse_text_request
from reelqueue.qwen.settings import QwenSettings, TextTimeLimits
from reelqueue.qwen.usage import Usage
from reelqueue.qwen.wire.builder import BuiltTextRequest, build_text

__all__ = [
    "BuiltTextRequest",
    "QwenSettings",
    "ResponseFormat",
    "TextCost",
    "TextPrice",
    "TextRequest",
    "TextTier",
    "TextTimeLimits",
    "Tool",
    "ToolChoice",
    "Usage",
    "build_text",
    "parse_text_request",
]
