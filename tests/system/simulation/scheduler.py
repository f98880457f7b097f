"""The one who decides what happens next: who runs, what is delivered, what breaks and when time passes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Final
from uuid import UUID

from reelqueue import messages
from reelqueue.errors import ReelqueueError
from simulator.store.fault import load_fault
from tests.support.virtual_clock import START
from tests.system.simulation.broker import Message
from tests.system.simulation.chaos import Chaos, is_expected
from tests.system.simulation.network import Flight
from tests.system.simulation.people import Operator, Producer
from tests.system.simulation.restore import Backups
from tests.system.simulation.stage import Standing, Step
from tests.system.simulation.temper import Temper, draw_fault, draw_spoiling
from tests.system.simulation.world import World
from workers.archive.archive_result import archive_render_job
from workers.archive.found_files import keep_found_file
from workers.dispatch.dispatcher import dispatch
from workers.intake import take_in
from workers.orphans.scan import scan_for_orphans
from workers.polling.poll_batch import poll_account
from workers.reconciliation.reconcile import reconcile_attempt
from workers.runtime.context import Context
from workers.submission.submit import submit_render_job
from workers.sweep.sweep import sweep
from workers.webhooks.deliver import deliver_webhooks

# A worker that is ready waits this long for its turn at most; only a frozen one waits longer.
_TURN: Final = timedelta(seconds=1)
_LONGEST_TRANSACTION: Final = timedelta(seconds=5)
_SWEEP_SECONDS: Final = 10.0
_OVERDUE: Final = timedelta(seconds=3)
_SPOILED: Final = {"submit": "lost answers", "list": "cut pages", "query": "answers without usage"}
_MOST_COPIES: Final = 4
_SCANS_APART: Final = timedelta(hours=1)
# Until a result has expired.
_AWAY_HOURS: Final = 25
AWAY_AT_MOST: Final = _AWAY_HOURS * _SCANS_APART
"""How long a person may stay away while a job waits for him."""
# A task's end moves with the provider's clock, and must still be within the slow watch.
_CLOCK_OFFSETS: Final = {
    "database": (-3600, -600, -100, -30, 0, 0, 30, 100, 600, 3600),
    "provider": (-600, -100, -30, 0, 0, 30, 100, 600),
}


class UnexpectedError(ReelqueueError):
    """A step failed with an error that nobody here has made."""


@dataclass
class Scheduler:
    """Plays one seed."""

    world: World
    temper: Temper
    random: Random
    chaos: Chaos
    producer: Producer
    operator: Operator
    backups: Backups
    ready_since: dict[str, datetime] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    _number: int = 0
    _away_hours: int | None = None
    """How many more hours a person stays away from the jobs that wait for him; None: none has waited yet."""
    _must_sweep: bool = False
    """Beat sweeps on, whatever the rows say: after a clock was set they say nothing."""
    _sweep_at: datetime | None = None
    """When a sweep may find something."""

    # One step of the simulation.

    def decide(self) -> None:
        """Let one thing happen."""
        choices = [*self._runs(), *self._deliveries(), *self._passing(), *self._mischief()]
        weights, acts = zip(*choices, strict=True)
        if any(weights):
            self.random.choices(acts, weights)[0]()
        else:
            self.look_after_blocked()  # they wait for each other, and Postgres will end one of them

    def _runs(self) -> list[tuple[float, Callable[[], None]]]:
        return [(4, partial(self.resume, step)) for step in self._ready()]

    def _deliveries(self) -> list[tuple[float, Callable[[], None]]]:
        if len(self.world.stage.steps) >= self.temper.workers:
            return []
        due = self.world.broker.due()
        copies = Counter(message.task for message in due)
        # By kind, or the many dispatches would keep everything else from happening.
        return [(3 / copies[message.task], partial(self.deliver, message)) for message in due]

    def _passing(self) -> list[tuple[float, Callable[[], None]]]:
        if any(step.standing is Standing.BLOCKED for step in self.world.stage.steps):
            return []
        now = self.world.clock.now()
        if any(now - since >= _TURN for since in self.ready_since.values()):
            return []
        since = [step.transaction_since for step in self.world.stage.steps if step.transaction_since]
        return [] if since and now - min(since) > _LONGEST_TRANSACTION else [(3, self.pass_time)]

    def _mischief(self) -> list[tuple[float, Callable[[], None]]]:
        temper = self.temper
        idle = [step for step in self.world.stage.steps if step.standing in {Standing.READY, Standing.ASLEEP}]
        return [
            (temper.broker if self.world.broker.messages else 0, self._trouble_broker),
            (temper.provider, self.trouble_provider),
            (temper.person, self._let_person_act),
            (temper.database * 5, self._toggle_database),
            (temper.clocks, self._set_a_clock),
            (temper.scans, self._scan),
            (self.backups.weight(), self._back_up),
            (temper.restore / 20 if self.backups.restorable() else 0, self.restore),
            (temper.kill * 5 if idle else 0, lambda: self._kill(self.random.choice(idle))),
        ]

    # Workers.

    def _ready(self) -> list[Step]:
        return [step for step in self.world.stage.steps if step.standing is Standing.READY]

    def resume(self, step: Step) -> None:
        """Let a step go on."""
        before = list(self.world.stage.steps)
        self.ready_since.pop(step.label, None)
        self.world.stage.resume(step)
        self._look_after(before)

    def _kill(self, step: Step) -> None:
        before = list(self.world.stage.steps)
        self.world.stage.kill(step)
        self._look_after(before)

    def look_after_blocked(self) -> None:
        """See whether Postgres has let somebody go, when nobody else can."""
        before = list(self.world.stage.steps)
        self.world.stage.look_after_blocked()
        self._look_after(before)

    def _look_after(self, steps: list[Step]) -> None:
        for step in steps:
            if step.standing is Standing.READY:
                self.ready_since.setdefault(step.label, self.world.clock.now())
            elif step.standing is Standing.BLOCKED:
                self.counts["waited for a lock"] += 1
                self.world.trace(f"   {step.label}: waits for a lock")
            elif step.is_over:
                self._end(step)

    def _end(self, step: Step) -> None:
        self.ready_since.pop(step.label, None)
        if step.standing is Standing.DEAD:
            self.counts["killed"] += 1
            self.world.trace(f"   {step.label}: KILLED at {step.where}")
            if step.process is not None:
                self.world.restart(step.process)
            self._redeliver(step)
        elif step.error is None:
            self.world.trace(f"   {step.label}: {step.result}")
        elif is_expected(step.error):
            self.world.trace(f"   {step.label}: failed at {step.where}, database away")
            self._redeliver(step, is_failure=True)
        else:
            raise UnexpectedError(f"{step.label} failed at {step.where}") from step.error

    def _redeliver(self, step: Step, *, is_failure: bool = False) -> None:
        """What a broker does with a message that was never acknowledged; a task that failed has acknowledged it."""
        message = step.message
        if message is None:
            return
        is_late = message.task != messages.RENDER_POLL and not is_failure
        if is_late or message.task == messages.INTAKE_ENQUEUE:
            delay = timedelta(seconds=self.random.choice([1, 5, 120]))
            self.world.broker.messages.append(message.at(self.world.clock.now() + delay))

    # Messages.

    def deliver(self, message: Message) -> None:
        """Give a message to a worker."""
        self.world.broker.messages.remove(message)
        self._number += 1
        name = message.task.rsplit(".", maxsplit=1)[-1]
        shown = " ".join(str(one) for one in message.args if isinstance(one, str | int))
        busy = [step.process for step in self.world.stage.steps]
        process = self.random.choice([one for one in self.world.processes if not any(one is other for other in busy)])
        work = partial(self._work, process, message)
        step = Step(f"{self._number}:{name}", work, self._job_of(message), message, process)
        self.world.trace(f"-> {step.label} {shown}")
        self.world.stage.start(step)
        self.resume(step)

    def _job_of(self, message: Message) -> UUID | None:
        match message.task:
            case messages.RENDER_SUBMIT | messages.RENDER_ARCHIVE:
                return UUID(message.args[0])
            case messages.RENDER_RECONCILE:
                query = "SELECT job_id FROM attempts WHERE id = %s"
                row = self.world.bench.connection.execute(query, [message.args[0]]).fetchone()
                return UUID(str(row[0])) if row else None
            case _:
                return None

    def _work(self, context: Context, message: Message) -> object:
        """What the Celery tasks do."""
        args = message.args
        match message.task:
            case messages.INTAKE_ENQUEUE:
                return take_in(context, *args)
            case messages.WEBHOOK_DELIVER:
                return deliver_webhooks(context, UUID(args[0]))
            case messages.CONTROL_DISPATCH | messages.CONTROL_SWEEP | messages.CONTROL_ADOPT:
                return self._control(context, message.task)
            case _:
                return self._render(context, message)

    def _control(self, context: Context, task: str) -> object:
        match task:
            case messages.CONTROL_DISPATCH:
                return f"admitted={len(dispatch(context))}"
            case messages.CONTROL_SWEEP:
                return sweep(context)
            case _:
                return "; ".join(map(str, scan_for_orphans(context)))

    def _render(self, context: Context, message: Message) -> object:
        args = message.args
        match message.task:
            case messages.RENDER_SUBMIT:
                return submit_render_job(context, UUID(args[0]), args[1])
            case messages.RENDER_POLL:
                return poll_account(context, UUID(args[0]), args[1])
            case messages.RENDER_RECONCILE:
                return reconcile_attempt(context, UUID(args[0]))
            case messages.RENDER_ARCHIVE:
                return archive_render_job(context, UUID(args[0]))
            case messages.RENDER_KEEP:
                return keep_found_file(context, UUID(args[0]))
            case unknown:
                raise AssertionError(f"nobody takes {unknown}")

    # Time.

    def pass_time(self) -> None:
        """Go on to the next thing that is due; nobody who is ready is left behind."""
        self.go_to(min(self._moments(), default=_next_beat(self.world.clock.now())))

    def _moments(self) -> list[datetime]:
        """When something happens by itself, without the sweeps that would find nothing."""
        world, now = self.world, self.world.clock.now()
        due_at = now if self._must_sweep else self.operator.overdue_at()
        self._sweep_at = None if due_at is None else _next_beat(max(due_at + _OVERDUE, now))
        moments = [step.wake_at for step in world.stage.steps if step.wake_at]
        moments += [since + _TURN for since in self.ready_since.values()]
        others = (world.broker.next_due_at, world.network.next_arrival_at, self._sweep_at)
        moments += [moment for moment in others if moment]
        return [moment for moment in moments if moment > now]

    def go_to(self, moment: datetime) -> None:
        """Let everything happen that happens by itself up to a moment."""
        network, clock = self.world.network, self.world.clock
        while network.next_arrival_at is not None and network.next_arrival_at <= moment:
            clock.time = max(clock.time, network.next_arrival_at)
            network.land_next()
        clock.time = max(clock.time, moment)
        for step in self.world.stage.steps:
            if step.standing is Standing.ASLEEP and step.wake_at and step.wake_at <= clock.time:
                step.standing, step.wake_at = Standing.READY, None
                self.ready_since[step.label] = clock.time
        if self._sweep_at is not None and clock.time >= self._sweep_at:
            self._beat()

    def _beat(self) -> None:
        """Celery's beat: a sweep every few seconds."""
        self._sweep_at, self._must_sweep = None, False
        if not self.world.broker.is_down:
            self.world.broker.send_task(messages.CONTROL_SWEEP)

    def _scan(self) -> None:
        """Celery's beat: the comparison of the lists, each hour."""
        if not self.world.broker.is_down:
            self.counts["lists compared"] += 1
            self.world.broker.send_task(messages.CONTROL_ADOPT)

    # Mischief.

    def _trouble_broker(self) -> None:
        bag = self.world.broker.messages
        message = self.random.choice(bag)
        what = self.random.choices(["drop", "double", "delay", "flush", "down"], [4, 4, 3, 1, 1])[0]
        self.counts[f"broker: {what}"] += 1
        self.world.trace(f"!! broker: {what} {message.task}")
        match what:
            case "drop" if message.task != messages.INTAKE_ENQUEUE:  # that one is its producer's to repeat
                bag.remove(message)
            case "double" if bag.count(message) < _MOST_COPIES:
                bag.extend([message] * self.random.choice([1, 1, 3]))
            case "delay":
                bag.remove(message)
                bag.append(message.at(message.due_at + timedelta(seconds=self.random.choice([2, 30, 300, 3600]))))
            case "flush":
                bag[:] = [one for one in bag if one.task == messages.INTAKE_ENQUEUE]
            case "down":
                self.world.broker.is_down = not self.world.broker.is_down

    def trouble_provider(self) -> None:
        """Script one more fault."""
        fault = draw_fault(self.random)
        self.counts[f"provider: {fault['operation']} {fault['kind']}"] += 1
        self.world.trace(f"!! provider: {fault}")
        self.world.provider.faults.add(load_fault(fault))

    def spoil(self, flight: Flight) -> None:
        """Script a fault for a call that is about to arrive, as often as the temper wants it."""
        fault = draw_spoiling(self.random, flight.operation, self.temper)
        if fault is not None:
            self.counts[_SPOILED[flight.operation]] += 1
            self.world.trace(f"!! provider: {fault}")
            self.world.provider.faults.add(load_fault(fault))

    def _let_person_act(self) -> None:
        operator = self.operator
        self._act(self.random.choice([operator.cancel_some_job, operator.pause_or_resume, operator.change_budget]))

    def _act(self, work: Callable[[], str]) -> None:
        """Let a person do something, between the workers."""
        self._number += 1
        step = Step(f"{self._number}:person", work)
        self.world.stage.start(step)
        self.resume(step)

    def _toggle_database(self) -> None:
        self.chaos.is_database_down = not self.chaos.is_database_down
        self.world.trace(f"!! database: {'down' if self.chaos.is_database_down else 'back'}")

    def _set_a_clock(self) -> None:
        """Set the database's clock or the provider's, to its usual time or another one; no time passes."""
        name = self.random.choice(["database", "provider"])
        clock = self.world.database_clock if name == "database" else self.world.provider_clock
        usual_seconds = 0 if name == "database" else self.temper.skew_seconds
        by = timedelta(seconds=usual_seconds + self.random.choice(_CLOCK_OFFSETS[name])) - clock.offset
        clock.offset += by
        self._must_sweep = True
        self.counts[f"clock set: {name}"] += 1
        self.world.trace(f"!! clock of the {name} set by {by.total_seconds():g} s")

    def _back_up(self) -> None:
        self.backups.take()
        self.world.trace("!! backup")

    def restore(self) -> None:
        """Stop everything, and set the database back."""
        backup = self.random.choice(self.backups.restorable())
        while self.world.stage.steps:
            for step in self.world.stage.steps:
                if step.standing is not Standing.BLOCKED:
                    self._kill(step)
            self.look_after_blocked()
        is_files = self.backups.draw_is_files(backup)
        while is_files and (arrives_at := self.world.network.next_arrival_at):
            self.go_to(arrives_at)  # copying the files takes longer
        self.backups.put_back(backup, is_files=is_files)
        kind, age = "base backup" if is_files else "dump", self.world.clock.now() - backup.taken_at
        self.world.trace(f"!! restored a {kind}, {age.total_seconds():.3f} s old")
        self.counts[f"restored: {kind}"] += 1
        self.chaos.is_database_down, self._must_sweep = False, True
        self.go_to(self.world.clock.now() + self.backups.pause())

    # The end.

    def calm_down(self) -> None:
        """Faults stop: what is broken from now on was broken before."""
        self.world.trace("== faults stop")
        self.world.stage.director = None
        self.world.provider.faults.clear()
        self.world.provider.provider.configure({"listing": {"foreign_rows": 0}})
        self.world.broker.is_down = self.chaos.is_database_down = False
        self._act(self.operator.resume_all)

    def settle(self, longest: timedelta) -> bool:
        """Let everything come to rest; False if it does not within a virtual time."""
        until = self.world.clock.now() + longest
        while self.world.clock.now() < until:
            if self._go_on():
                continue
            moment = min(self._moments(), default=None)
            if moment in {None, self._sweep_at} and (work := self.operator.next_work()):
                self._act_or_stay_away(work)  # what else is due may wait for this
            elif moment is not None:
                self.go_to(moment)
            else:
                return True
        return False

    def _act_or_stay_away(self, work: Callable[[], str]) -> None:
        if self._away_hours is None:
            self._away_hours = self.random.choice([0, 1, 2, _AWAY_HOURS]) if self.temper.scans else 0
        if not self._away_hours:
            self._act(work)
            return
        self._away_hours -= 1
        self.go_to(self.world.clock.now() + _SCANS_APART)
        self._scan()
        self._must_sweep = True

    def _go_on(self) -> bool:
        ready, due = self._ready(), self.world.broker.due()
        if ready:
            self.resume(ready[0])
        elif due and len(self.world.stage.steps) < self.temper.workers:
            self.deliver(min(due, key=lambda message: message.due_at))
        elif any(step.standing is Standing.BLOCKED for step in self.world.stage.steps):
            self.look_after_blocked()
        else:
            return False
        return True


def _next_beat(after: datetime) -> datetime:
    return START + timedelta(seconds=((after - START).total_seconds() // _SWEEP_SECONDS + 1) * _SWEEP_SECONDS)
