"""Faults of the connection: the bytes do not arrive, or not in time."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from simulator.exchange.call import Call
from simulator.exchange.dependencies import Service
from simulator.exchange.reply import Reply
from simulator.faults.kind import Kind
from simulator.faults.results import with_content
from simulator.store.fault import Fault


def _drop(reply: Reply, _fault: Fault, _call: Call, _service: Service) -> Reply:
    return replace(reply, delivery="drop")


def _hang(reply: Reply, _fault: Fault, _call: Call, _service: Service) -> Reply:
    return replace(reply, delivery="hang")


def _delay(reply: Reply, fault: Fault, _call: Call, _service: Service) -> Reply:
    return replace(reply, delay_seconds=fault.seconds)


def _trickle(reply: Reply, _fault: Fault, _call: Call, _service: Service) -> Reply:
    return replace(with_content(reply), delivery="trickle")


def _cut(reply: Reply, _fault: Fault, _call: Call, _service: Service) -> Reply:
    return replace(with_content(reply), delivery="cut")


def _stall(reply: Reply, _fault: Fault, _call: Call, _service: Service) -> Reply:
    return replace(with_content(reply), delivery="stall")


KINDS: Final = (
    Kind("drop", _drop),  # closes the connection without an answer
    Kind("hang", _hang),  # never answers
    Kind("delay", _delay, needs_answer=True),  # answers after `seconds`
    Kind("trickle", _trickle, needs_answer=True),  # a byte each `seconds`
    Kind("cut", _cut, needs_answer=True),  # half the announced bytes, then closes
    Kind("stall", _stall, needs_answer=True),  # half the announced bytes, and then nothing ever
)
