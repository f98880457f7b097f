"""The verdict on a seed that has come to rest: no render is lost, and none is paid for twice.

Money is judged by the simulator's ledger and by nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from models import Asset, Attempt, Campaign, FoundTask, ProviderTask, RenderJob
from models.asset import AssetKind
from reelqueue.states import TERMINAL, RenderState
from simulator.store.ledger import Charge
from simulator.tasks import TaskStatus
from tests.system.simulation.world import World
from workers.audit.invariants import BILL_IS_MEASURED, audit
from workers.dashscope.echoes import contradicts
from workers.dashscope.limits import RESULT_LIFE
from workers.orphans.adoption import ORPHANS

_UNBILLED: Final = frozenset({TaskStatus.FAILED, TaskStatus.CANCELED})
# A job that its owner cancels before its forgotten task was found, wants no task any more.
_UNWANTED: Final = frozenset({RenderState.CANCELLED})

_PARTED: Final = """
SELECT e.job_id FROM job_events e JOIN render_jobs j ON j.id = e.job_id
WHERE e.kind = 'misnamed' AND j.state IN ('timed_out', 'cancelled')
"""


def broken_invariants(world: World) -> Iterator[str]:
    """What ``python -m workers audit`` would find; holds at every commit."""
    with Session(world.bench.engine) as session:
        for finding in audit(session):
            if finding.rows and finding.check is not BILL_IS_MEASURED:  # the provider may never name the seconds
                yield f"audit: {finding.check.promise}, but {finding.rows}"


@dataclass(frozen=True)
class Verdict:
    """A world at rest, read once."""

    world: World
    jobs: dict[UUID, RenderJob]
    tasks: dict[str, ProviderTask]
    videos: dict[UUID, Asset]
    charges: list[Charge]
    specs: list[tuple[UUID, str]]
    """Jobs, and hashes of what their attempts have sent."""
    found: list[FoundTask]
    """What was noted of tasks while jobs were under review."""
    parted: set[UUID]
    """Jobs that had ended when their task proved to be another's: what they made is an orphan, within the hour."""

    def problems(self, orders: dict[str, dict[str, Any]]) -> Iterator[str]:
        """Everything that is wrong.

        Args:
            orders: The requests that were sent, by idempotency key.
        """
        yield from self.world.witness.broken
        yield from self._lost_orders(orders)
        yield from self._unfinished()
        yield from self._money()
        yield from self._swapped()
        yield from self._duplicates()
        yield from self._files()
        yield from self._kept()
        yield from self.world.receiver.problems(self.world.context.sessions)
        yield from broken_invariants(self.world)

    def _lost_orders(self, orders: dict[str, dict[str, Any]]) -> Iterator[str]:
        keys = Counter(str(job.idempotency_key) for job in self.jobs.values())
        gone = set(self.world.witness.gone.values())
        for key in orders:
            if keys[key] != 1 and not (key in gone and not keys[key]):
                yield f"{key} is {keys[key]} jobs"

    def _unfinished(self) -> Iterator[str]:
        for job in self.jobs.values():
            if job.state not in TERMINAL:
                yield f"job {job.id} is {job.state}: {job.failure_message}"

    def _money(self) -> Iterator[str]:
        """Each billed task has one owner, whose video it is; no job has two."""
        per_job, orphans = Counter[UUID](), Counter[str]()
        for charge in self.charges:
            task = self.tasks.get(charge.task_id)
            if task is None:
                orphans[charge.prompt_sha256] += not self._is_excused(charge.task_id)
                continue
            job = self.jobs[task.job_id]
            per_job[job.id] += 1
            is_named_so = self._is_misnamed(task)
            if hashlib.sha256((job.prompt or "").encode()).hexdigest() != charge.prompt_sha256 and not is_named_so:
                yield f"job {job.id} follows task {charge.task_id}, which has another prompt"
            if not self._is_delivered(job):
                yield f"job {job.id} is billed and {job.state}: {job.failure_message}"
        yield from (f"job {job_id} is billed {count} times" for job_id, count in per_job.items() if count > 1)
        yield from self._owned_by_no_job(orphans)

    def _swapped(self) -> Iterator[str]:
        """No job follows a task that was made for other bytes than its own."""
        sent: defaultdict[UUID, set[str]] = defaultdict(set)
        for job_id, spec_sha256 in self.specs:
            sent[job_id].add(spec_sha256)
        for task in self.tasks.values():
            made = self.world.provider.provider.store.tasks.get(task.provider_task_id)
            is_other = made is not None and _digest(made.body) not in sent[task.job_id]
            if is_other and not self._is_misnamed(task) and not self._is_of_a_forgotten_job(task):
                yield f"job {task.job_id} follows task {task.provider_task_id}, which was made for another request"

    def _is_of_a_forgotten_job(self, task: ProviderTask) -> bool:
        """Whether a task was made by a job that is gone with the backup, and that no journal names.

        It may be taken for a waiting job's that asked with the same words (GUARANTEES.md, the last section).
        """
        made_by_gone = {one for job_id in self.world.witness.gone for one in self.world.witness.tasks_by_job[job_id]}
        return self.world.context.journal.place is None and task.provider_task_id in made_by_gone

    def _owned_by_no_job(self, orphans: Counter[str]) -> Iterator[str]:
        """No billed task is without an owner, but for those that a restored database cannot have any more.

        A task may be another's that was made for the same prompt, so they are counted.
        """
        witness = self.world.witness
        unwanted = {job.id for job in self.jobs.values() if job.state in _UNWANTED} | witness.gone.keys()
        theirs = {one for job_id in unwanted for one in witness.tasks_by_job[job_id]} & witness.forgotten
        misled = {task.job_id for task in self.tasks.values() if self._is_misnamed(task)} | self.parted
        theirs |= {one for job_id in misled for one in witness.tasks_by_job[job_id]}
        expected = Counter(charge.prompt_sha256 for charge in self.charges if charge.task_id in theirs)
        for prompt, count in (orphans - expected).items():
            billed = [
                one.task_id for one in self.charges if one.prompt_sha256 == prompt and one.task_id not in self.tasks
            ]
            yield f"{count} of the tasks {', '.join(billed)} are billed and belong to no job"

    def _is_delivered(self, job: RenderJob) -> bool:
        """Whether the owner of a billed task got its video, or did not want it."""
        if job.state is RenderState.SUCCEEDED:
            return True
        unwanted = job.state is RenderState.CANCELLED and job.abandon_running
        unwatched = job.state is RenderState.TIMED_OUT and job.on_timeout == "abandon"
        return unwanted or unwatched or self._was_denied(job)

    def _was_denied(self, job: RenderJob) -> bool:
        """Whether the provider said that it does not know the task, as often as that is believed."""
        return job.state in {RenderState.LOST, RenderState.TIMED_OUT} and job.unknown_count >= 5

    def _duplicates(self) -> Iterator[str]:
        """No job makes the provider work twice, billed or not.

        Jobs that ask for the very same may swap their tasks, which are as good as each other.
        """
        alike: defaultdict[str, set[UUID]] = defaultdict(set)
        for job_id, spec_sha256 in self.specs:
            alike[spec_sha256].add(job_id)
        for job_ids in alike.values():
            made = [one for job_id in job_ids for one in self.world.witness.tasks_by_job[job_id] if self._counts(one)]
            replaced = sum(self.jobs[job_id].fault_count for job_id in job_ids)  # failed by the provider's own fault
            if len(made) > len(job_ids) + replaced and not any(map(self._is_excused, made)):
                yield f"jobs {', '.join(map(str, job_ids))} made tasks {', '.join(made)}"

    def _is_misnamed(self, task: ProviderTask) -> bool:
        """Whether a job follows a task because the provider named it in answer to the job's POST, which made another.

        Where the named task has an owner, that is noticed at once, and else at its end by what it echoes; here its
        own answer was lost, and its end tells nothing: no prompt, or the same.
        """
        if self.world.witness.misnamed.get(task.provider_task_id) != task.job_id:
            return False
        made = self.world.provider.provider.store.tasks.get(task.provider_task_id)
        is_told = made is not None and made.status == TaskStatus.SUCCEEDED
        return not (is_told and contradicts(self.jobs[task.job_id].prompt, made.prompt))

    def _counts(self, task_id: str) -> bool:
        """Whether a task is work for its job: one that failed unbilled, and was then forgotten, counts for nothing.

        Nor does one that the provider named and threw away, over its slots: it has neither a listing nor a bill. Nor
        does it if a review has given it to its job in the place of a later one, or if the provider has named it
        to another job, which follows it.
        """
        follower = self.tasks.get(task_id)
        if follower is not None and self._is_misnamed(follower):
            return False
        task = self.world.provider.provider.store.tasks.get(task_id)
        if task is None:
            return False
        return not (task_id in self.world.witness.forgotten and task.status in _UNBILLED)

    def _is_excused(self, task_id: str) -> bool:
        """Whether lists hid the task, or another of its job's: a review may have given the job either."""
        made = self.world.witness.tasks_by_job.values()
        siblings = next((each for each in made if task_id in each), [task_id])
        return any(map(self.world.witness.was_hidden, siblings))

    def _files(self) -> Iterator[str]:
        for job in self.jobs.values():
            if job.state is not RenderState.SUCCEEDED:
                continue
            video = self.videos.get(job.id)
            path = video and self.world.context.archive.path(video.path)
            if video is None or path is None or not path.is_file():
                yield f"job {job.id} succeeded without its file"
            elif path.read_bytes() not in self._clips():
                yield f"job {job.id} has a file that is no clip of the provider's"
            elif hashlib.sha256(path.read_bytes()).hexdigest() != video.sha256:
                yield f"job {job.id} has a file with another checksum than its row"

    def _kept(self) -> Iterator[str]:
        """Each result that was found while a job was under review is kept: it expires before a person decides."""
        for found in self.found:
            path = None if found.path is None else self.world.context.archive.path(found.path)
            if found.next_fetch_at is not None:
                yield f"the result of noted task {found.provider_task_id} is still to be fetched"
            elif path is not None and (not path.is_file() or _digest_of(path) != found.sha256):
                yield f"the result of noted task {found.provider_task_id} was kept, and its file is not there as it was"
            elif path is None and found.result_url is not None and found.asked_at + RESULT_LIFE > self._now():
                yield f"the result of noted task {found.provider_task_id} was given up before it expired"

    def _now(self) -> datetime:
        return self.world.database_clock.now()

    def _clips(self) -> list[bytes]:
        return [clip.read_bytes() for clip in (self.world.bench.folder / "clips").glob("*.mp4")]


def _digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _digest(body: dict[str, Any]) -> str:
    """As an attempt's ``spec_sha256``."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def judge(world: World, orders: dict[str, dict[str, Any]]) -> list[str]:
    """Everything that is wrong with a world at rest."""
    world.provider.provider.settle()
    with Session(world.bench.engine) as session:
        # What is adopted as an orphan has no owner here, and was looked for by none.
        orphans = set(session.scalars(select(RenderJob.id).join(Campaign).where(Campaign.name == ORPHANS)))
        tasks = session.scalars(select(ProviderTask))
        specs = session.execute(select(Attempt.job_id, Attempt.spec_sha256))
        verdict = Verdict(
            world=world,
            jobs={job.id: job for job in session.scalars(select(RenderJob))},
            tasks={task.provider_task_id: task for task in tasks if task.job_id not in orphans},
            videos={asset.job_id: asset for asset in session.scalars(select(Asset).filter_by(kind=AssetKind.VIDEO))},
            charges=world.provider.provider.store.ledger.charges(),
            found=list(session.scalars(select(FoundTask))),
            parted=set(session.scalars(text(_PARTED))),
            specs=[(job_id, spec) for job_id, spec in specs if job_id not in orphans],
        )
        slots = session.execute(text("SELECT job_id FROM slots")).all()
        return [*verdict.problems(orders), *(f"job {job_id} still holds a slot" for (job_id,) in slots)]


def tally(world: World) -> Counter[str]:
    """What a seed has been through, to see that the simulation goes everywhere."""
    counts = Counter[str]()
    for table in ("render_jobs", "attempts"):
        query = f"SELECT state, count(*) FROM {table} GROUP BY state"  # noqa: S608 - two fixed names
        for state, count in world.bench.connection.execute(query):  # type: ignore[call-overload]
            counts[f"{table}: {state}"] += int(str(count))
    counts["bought again: hidden from the listing"] = sum(len(made) > 1 for made in world.witness.tasks_by_job.values())
    alone = (
        "SELECT 1 FROM provider_tasks p JOIN attempts a ON a.id = p.attempt_id JOIN render_jobs j ON j.id = a.job_id"
    )
    adopted = world.bench.connection.execute(f"{alone} WHERE a.state = 'adopted' AND j.prompt IS NULL").fetchall()
    counts["adopted without an echo"] = len(adopted)
    measured = (
        "SELECT seconds IS NOT NULL FROM ledger_entries s WHERE kind = 'settle' AND EXISTS (SELECT 1 FROM"
        " ledger_entries w WHERE w.kind = 'write_off' AND w.provider_task_id = s.provider_task_id)"
    )
    for (is_measured,) in world.bench.connection.execute(measured):
        counts[f"written off, then settled {'by' if is_measured else 'without'} usage"] += 1
    misnamed = world.bench.connection.execute("SELECT 1 FROM job_events WHERE kind = 'misnamed'").fetchall()
    counts["another submit's task, told by its echo"] = len(misnamed)
    recovered = world.bench.connection.execute("SELECT 1 FROM job_events WHERE kind = 'recovered'").fetchall()
    counts["recovered"] = len(recovered)
    kept = world.bench.connection.execute("SELECT 1 FROM found_tasks WHERE path IS NOT NULL").fetchall()
    counts["results kept for a review"] = len(kept)
    counts["clips"] = len(world.witness.jobs())
    return counts + _paid_twice(world)


def _paid_twice(world: World) -> Counter[str]:
    """Billed tasks beyond one for each job that the database knows; equal requests may have each other's.

    Apart are those of a lost answer whose task two lists did not show: they are bought again without any restore.
    """
    witness, store = world.witness, world.provider.provider.store
    known, billed = witness.jobs(), {charge.task_id for charge in store.ledger.charges()}
    made, alike = defaultdict[str, list[str]](list), defaultdict[str, set[UUID]](set)
    for job_id, task_ids in witness.tasks_by_job.items():
        for task_id in {*task_ids} & billed if job_id in known else ():
            task = store.tasks.get(task_id)
            if task is not None:
                made[_digest(task.body)].append(task_id)
                alike[_digest(task.body)].add(job_id)
    counts = Counter[str]()
    for sent, tasks in made.items():
        how = "hidden from two lists" if any(map(witness.was_hidden, tasks)) else "paid twice"
        counts[how] += max(len(tasks) - len(alike[sent]), 0)
    return counts
