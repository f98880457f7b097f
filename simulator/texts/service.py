"""Language models without their wire: an account asks, is answered and billed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from simulator.core.provider import Provider
from simulator.store.text_ledger import TextCharge
from simulator.texts.cache import ExplicitCache
from simulator.texts.checks import check, known_models
from simulator.texts.completion import Completion, Tokens, Written
from simulator.texts.limits import MinuteLimits
from simulator.texts.pricing import price_of
from simulator.texts.tokens import Block, blocks_of, count, cut
from simulator.texts.writer import EchoWriter, Writer

_OUTPUT_TOKENS_MAX: Final = 8192


class Texts:
    """Answers and bills.

    Args:
        provider: Its store, clock and configuration are used.
        writer: Writes the answers.
    """

    def __init__(self, provider: Provider, writer: Writer | None = None) -> None:
        self._provider = provider
        self._writer = writer or EchoWriter()
        self.reset()

    def reset(self) -> None:
        """Forget what is cached, and what was asked in the last minute."""
        self._cache = ExplicitCache()
        self._limits = MinuteLimits()

    def models(self) -> list[str]:
        """Ids that are answered."""
        return known_models(self._provider.config)

    def complete(self, account: str, request_id: str, body: Mapping[str, Any]) -> Completion:
        """The answer to *body*, billed.

        Raises:
            WireError: Refused; nothing was billed.
        """
        thinks = check(body, self._provider.config)
        blocks, owner = blocks_of(body), (account, str(body["model"]))
        now_ms = self._provider.clock.now_ms()
        if self._provider.config.limits.is_throttling:
            given = sum(block.tokens for block in blocks)
            self._limits.take(owner, given, self._provider.config.texts, now_ms)
        written = _limited(self._writer.write(body, thinks=thinks), body)
        tokens = self._tokens(owner, blocks, written, now_ms)
        self._limits.add(owner, tokens.completion)
        self._bill(account, request_id, body, tokens)
        return Completion(f"chatcmpl-{request_id}", now_ms // 1000, owner[1], written, tokens)

    def _tokens(self, owner: tuple[str, str], blocks: list[Block], written: Written, now_ms: int) -> Tokens:
        config = self._provider.config
        lifetime_ms = config.scaled_ms(config.texts.cache_seconds)
        cached, kept = self._cache.look_up(owner, blocks, now_ms=now_ms, lifetime_ms=lifetime_ms)
        reasoning = count(written.reasoning)
        calls = sum(count(call.name) + count(call.arguments) for call in written.calls)
        return Tokens(
            prompt=sum(block.tokens for block in blocks),
            cached=cached,
            written=kept,
            completion=count(written.text) + calls + reasoning,
            reasoning=reasoning,
        )

    def _bill(self, account: str, request_id: str, body: Mapping[str, Any], tokens: Tokens) -> None:
        price = price_of(str(body["model"]), tokens, self._provider.config.region)
        messages = json.dumps(body["messages"], sort_keys=True)
        self._provider.store.text_ledger.settle(
            TextCharge(
                request_id=request_id,
                account=account,
                model=str(body["model"]),
                messages_sha256=hashlib.sha256(messages.encode()).hexdigest(),
                prompt_tokens=tokens.prompt,
                cached_tokens=tokens.cached,
                written_tokens=tokens.written,
                completion_tokens=tokens.completion,
                reasoning_tokens=tokens.reasoning,
                amount=None if price is None else f"{price[0]:f}",
                currency=None if price is None else price[1],
                settled_ms=self._provider.clock.now_ms(),
            )
        )


def _limited(written: Written, body: Mapping[str, Any]) -> Written:
    """What was written, as far as stop sequences and lengths let it."""
    text, finish = written.text, written.finish
    stops = body.get("stop") or ()
    for stop in [stops] if isinstance(stops, str) else stops:
        text = text.partition(stop)[0]
    most = body.get("max_tokens") or _OUTPUT_TOKENS_MAX
    if count(text) > most:
        text, finish = cut(text, most), "length"
    budget = body.get("thinking_budget")
    return replace(
        written, text=text, finish=finish, reasoning=cut(written.reasoning, budget) if budget else written.reasoning
    )
