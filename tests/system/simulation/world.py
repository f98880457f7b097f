"""One seed's world: the real steps over real Postgres, the simulator, a broker, a disk and one virtual clock."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random
from typing import Any, Final, TypeVar
from unittest import mock

import uuid_utils.compat
from pydantic import SecretStr

from embedded.rehearsal.virtual_event_loop import VirtualLoop
from models.account import Account
from models.base import new_id
from models.operations.scheduling.poll_intervals import Pacing
from models.operations.scheduling.poll_wakeups import ensure_lane
from models.settings import ServiceSettings
from simulator.app import create_app
from simulator.assemble import build_service
from simulator.exchange.dependencies import Service
from simulator.store.store import Store
from tests.support.virtual_clock import START, SteppedClock, VirtualClock
from tests.system.simulation.bench import Bench
from tests.system.simulation.broker import BagHints, BagOfMessages
from tests.system.simulation.files import StagedArchive, StagedLog
from tests.system.simulation.network import Network, ProviderWire, ResultWire
from tests.system.simulation.receiver import WEBHOOK_KEY, Receiver, ReceiverWire, make_receiver
from tests.system.simulation.sessions import LockTable, StagedSessions, staged_statements
from tests.system.simulation.stage import Stage
from tests.system.simulation.temper import Temper
from tests.system.simulation.trace import SerialIds, Trace
from tests.system.simulation.witness import Witness
from workers.dispatch.default_account import ensure_default_account
from workers.runtime.context import Context
from workers.runtime.host_clock import HostClock
from workers.runtime.known_clocks import KnownClocks
from workers.runtime.submit_journal import SubmitJournal
from workers.settings import (
    ArchiveSettings,
    CelerySettings,
    DeliverySettings,
    PollSettings,
    ProviderSettings,
    ReconcileSettings,
    Settings,
    SubmitSettings,
)

T = TypeVar("T")

KEYS: Final = {"ALIBABA_API_KEY": "sk-first", "SECOND_API_KEY": "sk-second"}
HOST: Final = "http://simulator.test"


class ProviderClock(SteppedClock):
    """The simulator's clock."""

    offset_ms = 0

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        return int(self.now().timestamp() * 1000)

    def advance(self, milliseconds: int) -> None:
        """Only the scheduler moves time."""
        raise NotImplementedError(f"asked to move {milliseconds} ms")


class VirtualHost(HostClock):
    """A machine of the workers: its time goes on with the simulation's, and its count is its own."""

    def __init__(self, stage: Stage, counted_seconds: float = 0) -> None:
        self._stage = stage
        self._counted_seconds = counted_seconds

    def seconds(self) -> float:
        """Virtual seconds."""
        return self._counted_seconds + (self._stage.clock.now() - START).total_seconds()

    def sleep(self, seconds: float) -> None:
        """Let others run."""
        self._stage.sleep(seconds)

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """In a loop on virtual time."""
        return VirtualLoop(self.seconds, self._stage.sleep).run(main)


@dataclass(frozen=True)
class World:
    """Everything that one seed plays with."""

    clock: VirtualClock
    """Time as it passes; nobody sets it."""
    database_clock: SteppedClock
    provider_clock: SteppedClock
    stage: Stage
    trace: Trace
    broker: BagOfMessages
    network: Network
    provider: Service
    witness: Witness
    receiver: Receiver
    context: Context
    processes: list[Context]
    """The workers', each on a host and with a memory of its own."""
    bench: Bench

    def restart(self, process: Context) -> None:
        """Another process takes the place of one that was killed."""
        self.processes[:] = [one if one is not process else _process(one, one.host) for one in self.processes]


@contextmanager
def open_world(bench: Bench, temper: Temper, random: Random) -> Iterator[World]:
    """A new world: an empty database and a provider without tasks."""
    bench.clean()
    clock = VirtualClock()
    stage = Stage(clock, LockTable(bench.connection), bench.threads)
    trace = Trace(clock)
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(uuid_utils.compat, "uuid7", SerialIds(clock)))
        stack.enter_context(staged_statements(bench.engine, stage))
        database_clock, provider_clock = SteppedClock(clock), ProviderClock(clock, temper.skew_seconds)
        provider = _provider(temper, provider_clock, random, bench)
        stack.callback(provider.close)
        witness = Witness(provider, clock, bench.connection)
        network = Network(
            stage=stage,
            app=create_app(provider),
            backend=bench.backend,
            random=random,
            on_departure=witness.on_departure,
            on_arrival=witness.on_arrival,
            slowness=temper.slowness,
        )
        broker = BagOfMessages(clock)
        receiver = make_receiver(StagedSessions(bench.engine, stage), stage, database_clock, random)
        context = _context(stage, database_clock, broker, network, receiver, bench)
        if temper.has_journal:
            context = replace(context, journal=SubmitJournal(StagedLog(bench.folder / "journal", stage)))
        _make_accounts(context, temper)
        hosts = [VirtualHost(stage, random.uniform(0, 1e5)) for _ in range(temper.workers)]
        stack.callback(stage.clear)
        yield World(
            clock,
            database_clock,
            provider_clock,
            stage,
            trace,
            broker,
            network,
            provider,
            witness,
            receiver,
            context,
            [_process(context, host) for host in hosts],
            bench,
        )


def _process(context: Context, host: HostClock) -> Context:
    """A new process: what it has measured is forgotten with it."""
    return replace(context, host=host, pacing=Pacing(), clocks=KnownClocks())


def _provider(temper: Temper, clock: ProviderClock, random: Random, bench: Bench) -> Service:
    service = build_service(Store(), clock, random=random, clip_folder=bench.folder / "clips")
    service.provider.configure(
        {
            "run_times": {"minimum_seconds": 1, "maximum_seconds": 15, "tail_share": 0.05, "tail_seconds": 200},
            "limits": {"over_slots": temper.over_slots},
            "listing": {
                "lag_seconds": temper.lag_seconds,
                "foreign_rows": temper.foreign_rows,
                "page_size_max": temper.page_size_max,
                "is_doubled": temper.is_list_doubled,
                "is_shuffled": temper.is_list_doubled,
            },
            "clips": {"width": 64, "height": 36, "seconds": 1, "frames_per_second": 4},
        }
    )
    return service


def _context(
    stage: Stage, clock: SteppedClock, broker: BagOfMessages, network: Network, receiver: Receiver, bench: Bench
) -> Context:
    celery = CelerySettings()
    return Context(
        settings=Settings(
            services=ServiceSettings(database_url=SecretStr("postgresql+psycopg://x/x"), archive_url="file:x"),
            provider=ProviderSettings(
                video_base_url=HOST, http_transport=lambda: ProviderWire(network), query_rate_per_second=18
            ),
            submit=SubmitSettings(),
            reconcile=ReconcileSettings(ask_again_seconds=20, give_up_seconds=600),
            poll=PollSettings(batch_size=3, late_interval_seconds=120, watch_hours=4),
            archive=ArchiveSettings(http_transport=lambda: ResultWire(network)),
            delivery=DeliverySettings(webhook_key=WEBHOOK_KEY, webhook_http_transport=lambda: ReceiverWire(receiver)),
            celery=celery,
        ),
        sessions=StagedSessions(bench.engine, stage),
        archive=StagedArchive(bench.folder / "archive", stage),
        hints=BagHints(broker, longest_countdown_seconds=celery.longest_countdown_seconds),
        clock=clock,
        host=VirtualHost(stage),
        environment=KEYS,
    )


def _make_accounts(context: Context, temper: Temper) -> None:
    with context.sessions.begin() as session:
        account_id = ensure_default_account(session, context)
        first = session.get_one(Account, account_id)
        first.look_ahead, first.created_at = temper.look_ahead, START
        if temper.accounts > 1:
            made = {
                "base_url": HOST,
                "region": first.region,
                "key_env": "SECOND_API_KEY",
                "headers": {},
                "look_ahead": temper.look_ahead,
            }
            second = Account(id=new_id(), name="second", created_at=START + timedelta(seconds=1), **made)
            session.add(second)
            session.flush()
            ensure_lane(session, second.id)
