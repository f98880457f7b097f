"""Language models without their wire: an account asks, is answered and billed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from simulator.core.provider import Provider
from simulator.store.text_ledger import TextCharge
from simulator.texts.cache import ExplicitCache
from simulator.texts.checks import check, invalid, known_models
from simulator.texts.completion import Completion, Tokens, Written
from simulator.texts.limits import MinuteLimits
from simulator.texts.pricing import price_of
from simulator.texts.tokens import Block, blocks_of, count, cut
from simulator.texts.writer import EchoWriter, Writer

_OUTPUT_TOKENS_MAX: Final = 8192


@dataclass(frozen=True, slots=True)
class BatchPlace:
    """Where in which batch a request stands."""

    batch_id: str
    custom_id: str
    request_id: str


@dataclass(frozen=True, slots=True)
class _Sale:
    """What an account is billed for."""

    account: str
    request_id: str
    body: Mapping[str, Any]
    tokens: Tokens
    at_ms: int
    place: BatchPlace | None = None


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
        config = self._provider.config
        lifetime_ms = config.scaled_ms(config.texts.cache_seconds)
        cached, kept = self._cache.look_up(owner, blocks, now_ms=now_ms, lifetime_ms=lifetime_ms)
        tokens = _tokens(blocks, written, cached=cached, kept=kept)
        self._limits.add(owner, tokens.completion)
        self._bill(_Sale(account, request_id, body, tokens, now_ms))
        return Completion(f"chatcmpl-{request_id}", now_ms // 1000, owner[1], written, tokens)

    def complete_line(self, account: str, place: BatchPlace, body: Mapping[str, Any], at_ms: int) -> Completion:
        """The answer to a line of a batch, billed at half the price unless it is refused; no cache and no limits.

        Raises:
            WireError: Refused; nothing was billed.
        """
        if body.get("stream"):
            raise invalid("Batch requests cannot be streamed - 'stream'")
        thinks = check({**body, "stream": True}, self._provider.config)  # what only streams elsewhere is taken here
        written = _limited(self._writer.write(body, thinks=thinks), body)
        if written.refused is not None:
            raise written.refused
        tokens = _tokens(blocks_of(body), written)
        self._bill(_Sale(account, place.request_id, body, tokens, at_ms, place))
        return Completion(f"chatcmpl-{place.request_id}", at_ms // 1000, str(body["model"]), written, tokens)

    def _bill(self, sale: _Sale) -> None:
        model, tokens, place = str(sale.body["model"]), sale.tokens, sale.place
        price = price_of(model, tokens, self._provider.config.region, is_batch=place is not None)
        messages = json.dumps(sale.body["messages"], sort_keys=True)
        self._provider.store.text_ledger.settle(
            TextCharge(
                request_id=sale.request_id,
                account=sale.account,
                model=model,
                messages_sha256=hashlib.sha256(messages.encode()).hexdigest(),
                prompt_tokens=tokens.prompt,
                cached_tokens=tokens.cached,
                written_tokens=tokens.written,
                completion_tokens=tokens.completion,
                reasoning_tokens=tokens.reasoning,
                amount=None if price is None else f"{price[0]:f}",
                currency=None if price is None else price[1],
                settled_ms=sale.at_ms,
                batch_id=None if place is None else place.batch_id,
                custom_id=None if place is None else place.custom_id,
            )
        )


def _tokens(blocks: list[Block], written: Written, *, cached: int = 0, kept: int = 0) -> Tokens:
    reasoning = count(written.reasoning)
    calls = sum(count(call.name) + count(call.arguments) for call in written.calls)
    return Tokens(
        prompt=sum(block.tokens for block in blocks),
        cached=cached,
        written=kept,
        completion=count(written.text) + calls + reasoning,
        reasoning=reasoning,
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
