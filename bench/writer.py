"""How well the campaign writer keeps its rules: a golden set of briefs against the simulator's scripted writer.

``python -m bench.writer`` prints, for each brief of ``tests/reelqueue/campaigns/writer/briefs``, how many clips kept
every rule at first and after corrections, what broke a limit, a budget or a source in the files that came out (always
0), whether clips that were not corrected stayed as they were, and whether each POST has its line in the ledger.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from embedded.processes.child_process import ChildProcess, Command
from embedded.processes.ports import PortClaims
from reelqueue.campaigns import open_campaign
from reelqueue.campaigns.plan.check_file import check_file
from reelqueue.campaigns.problem_log import ProblemLog
from reelqueue.campaigns.writer.calls import CountedCalls, TextAnswer, TextCallError, total_cost
from reelqueue.campaigns.writer.compose import PromptParts
from reelqueue.campaigns.writer.offer import read_wish
from reelqueue.campaigns.writer.passes import WriterError
from reelqueue.campaigns.writer.project import Project, Result, new_project, run_prompts, run_storyboard
from reelqueue.campaigns.writer.storyboard import StoryAnswer, Storyboard, story_clip
from reelqueue.catalog import lookup
from reelqueue.errors import InvalidRequestError
from reelqueue.qwen import FinishReason, QwenClient, TextCost, TextError, TextRequest
from reelqueue.qwen.answers.fence import without_fence

ROOT = Path(__file__).parents[1]
BRIEFS = ROOT / "tests/reelqueue/campaigns/writer/briefs"
REGION = "ap-southeast-1"
PRODUCTS = 400
_NUMBER = re.compile(r"[0-9]+(?:[.,:][0-9]+)*")
_OURS = re.compile(r"Shot [0-9] \[[0-9]+-[0-9]+ s\]|character[0-9]|(?:Image|Video) [0-9]")
"""Numbers that code puts into a prompt."""


@dataclass
class DirectCalls:
    """Asks without a queue, and keeps each answer by the name of its call."""

    client: QwenClient
    texts: dict[str, str] = field(default_factory=dict)

    def most(self, request: TextRequest) -> TextCost | None:
        return self.client.build(request).max_cost

    def ask(self, name: str, request: TextRequest) -> TextAnswer:
        try:
            answer = self.client.ask(request)
        except TextError as error:
            raise TextCallError(name, str(error), error.failure) from error
        text = answer.text if answer.finish_reason is FinishReason.STOP else ""
        self.texts[name] = text
        return TextAnswer(text, answer.usage, answer.cost)


@dataclass
class Measured:
    """What came of one brief."""

    name: str
    outcome: str = "written"
    """Or ``refused``, before any token, or ``nothing``: no clip kept the rules."""
    why: str = ""
    clips: int = 0
    first: int = 0
    kept: int = 0
    over_cap: list[str] = field(default_factory=list)
    over_budget: list[str] = field(default_factory=list)
    invented: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    """Clips that were not corrected, and differ from their first answer all the same."""
    posts: int = 0
    billed: int = 0
    cost: Decimal = Decimal(0)
    billed_cost: Decimal = Decimal(0)
    wanted: dict[str, Any] = field(default_factory=dict)


def names() -> list[str]:
    """Every brief of the set."""
    return sorted(path.name for path in BRIEFS.iterdir() if path.is_dir())


def measure(name: str, folder: Path, base_url: str, control: httpx.Client) -> Measured:
    """Write one brief's campaign into a folder, and hold it against its sources.

    Args:
        name: Of the brief.
        folder: A new one.
        base_url: Of the simulator.
        control: Its control plane; what it has billed is forgotten first.
    """
    control.post("reset").raise_for_status()
    measured = Measured(name, wanted=json.loads((BRIEFS / name / "wish.json").read_text()))
    with QwenClient({"api_key": "sk-golden", "base_url": f"{base_url}/compatible-mode/v1"}) as client:
        direct = DirectCalls(client)
        counted = CountedCalls(direct)
        try:
            project, board, result = _written(name, folder, measured.wanted, counted)
        except InvalidRequestError as error:
            measured.outcome, measured.why = "refused", str(error)
        except (WriterError, TextCallError) as error:
            measured.outcome, measured.why = "nothing", str(error)
            measured.clips = measured.wanted["clips"]
        else:
            _count(measured, project, board, result, direct.texts)
    ledger = control.get("texts").json()
    measured.billed = ledger["count"]
    measured.billed_cost = sum((Decimal(amount) for amount in ledger["totals"].values()), Decimal(0))
    measured.posts = len(control.get("log", params={"operation": "chat"}).json()["requests"])
    cost = total_cost(counted.asked)
    measured.cost = cost.amount if cost else Decimal(0)
    return measured


def _written(
    name: str, folder: Path, wanted: dict[str, Any], calls: CountedCalls
) -> tuple[Project, Storyboard, Result]:
    source = BRIEFS / name
    told = {key: value for key, value in wanted.items() if key in {"models", "clips", "seconds", "budget", "language"}}
    brand, products = source / "brand.md", source / "products.csv"
    if name == "catalogue-400":
        products = folder.parent / "products.csv"
        write_products(products)
    project = new_project(
        folder,
        source / "brief.md",
        wish=read_wish(**told, prompt_language=wanted.get("prompt_language", "en")),
        model=wanted.get("text_model", "qwen-plus"),
        region=REGION,
        brand=brand if brand.exists() else None,
        products=products if products.exists() else None,
    )
    board = run_storyboard(project, calls)
    return project, board, run_prompts(project, board, calls)


def write_products(path: Path) -> None:
    """A table of four hundred products."""
    rows = [
        f"p{number:03},Stone no. {number} of the {number % 37} hills,{number + 0.5:.2f} EUR,lasts {number + 5} years"
        for number in range(1, PRODUCTS + 1)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["custom_id,name,price,claim", *rows, ""]))


def _count(measured: Measured, project: Project, board: Storyboard, result: Result, texts: dict[str, str]) -> None:
    wished = project.sources.offer.clip_count
    measured.clips, measured.kept = wished, len(result.written)
    corrected = {*project.report.repaired, *project.report.failed, *result.report.repaired, *result.report.failed}
    measured.first = wished - len(corrected)
    sources = project.brief.text + project.brand.text
    told = set(_NUMBER.findall(sources))
    for clip in result.written:
        if new := [n for n in _NUMBER.findall(_OURS.sub("", clip.prompt)) if n not in told]:
            measured.invented.append(f"{clip.story.id}: {new}")
    _check_result(measured, project, result)
    measured.changed = _changed(project, board, result, texts)


def _check_result(measured: Measured, project: Project, result: Result) -> None:
    """Read the files as a stranger's, by other code than the writer's own checks."""
    checked = check_file(result.manifest, region=REGION)
    measured.over_cap += [group.first.message for group in checked.log.groups if checked.log.error_count]
    budget, total = project.wish.budget, checked.plan.total
    if budget is not None and (total.max_amount > budget.amount or total.unpriced_count):
        measured.over_budget.append(f"{total.max_amount} of {budget.amount}")
    cells = {row["custom_id"]: row for row in _rows(project)}
    with open_campaign(result.manifest, local_files=True) as campaign:
        for clip in campaign.clips(ProblemLog()):
            spec, prompt = lookup(clip.request.model), clip.request.prompt or ""
            if spec is None or len(prompt) > spec.prompt.characters_max:
                measured.over_cap.append(clip.custom_id)
            row = next((row for custom_id, row in cells.items() if clip.custom_id.startswith(custom_id)), None)
            if row is not None and row["name"] not in prompt:
                measured.invented.append(f"{clip.custom_id}: not its product")


def _rows(project: Project) -> list[dict[str, str]]:
    if project.products is None:
        return []
    lines = [line for line in project.products.path.read_text().splitlines() if line]
    divider = ";" if ";" in lines[0] else ","
    heading = lines[0].split(divider)
    return [dict(zip(heading, line.split(divider), strict=True)) for line in lines[1:]]


def _changed(project: Project, board: Storyboard, result: Result, answers: dict[str, str]) -> list[str]:
    """Clips that no rule sent back, and that differ from what their first answer said."""
    firsts = [
        story_clip(int(span.split("/")[1].split("-")[0]) + index, clip)
        for span, text in answers.items()
        if re.fullmatch(r"storyboard/[0-9-]+", span) and (story := _story(text))
        for index, clip in enumerate(story.clips)
    ]
    first_clips = {clip.id: clip.model_dump_json() for clip in firsts}
    changed = [
        clip.id
        for clip in board.clips
        if clip.id not in project.report.repaired and first_clips[clip.id] != clip.model_dump_json()
    ]
    return changed + [
        clip.story.id
        for clip in result.written
        if clip.story.id not in result.report.repaired
        and PromptParts.model_validate_json(without_fence(answers[f"prompt/{clip.story.id}"])) != clip.parts
    ]


def _story(text: str) -> StoryAnswer | None:
    try:
        return StoryAnswer.model_validate_json(without_fence(text))
    except ValueError:
        return None


def main() -> int:
    """Measure each brief and print the table; 1 if a file broke what it may never break."""
    with tempfile.TemporaryDirectory() as temporary:
        folder, port = Path(temporary), PortClaims().claim_free()
        arguments = [sys.executable, "-m", "simulator", "--port", str(port), "--state", str(folder / "state")]
        child = ChildProcess(Command(name="simulator", arguments=arguments, folder=ROOT), logs=folder, pids=folder)
        base_url = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=f"{base_url}/__sim__/", trust_env=False) as control:
            child.start()
            try:
                child.wait_until(lambda: _answers_health(control), 60)
                found = [measure(name, folder / name / "campaign", base_url, control) for name in names()]
            finally:
                child.stop()
    print_table(found)
    return int(any(one.over_cap or one.over_budget or one.invented or one.changed for one in found))


def _answers_health(control: httpx.Client) -> bool:
    try:
        return control.get("health").is_success
    except httpx.TransportError:
        return False


def print_table(found: list[Measured]) -> None:
    """Print a line a brief, and the sums."""
    print(f"{'brief':20} outcome   clips  first  kept  caps  budget  invented  changed  posts=ledger      USD")
    for one in found:
        counts = f"{one.clips:5}  {one.first:5}  {one.kept:4}"
        broken = f"{len(one.over_cap):4}  {len(one.over_budget):6}  {len(one.invented):8}  {len(one.changed):7}"
        print(f"{one.name:20} {one.outcome:8}  {counts}  {broken}  {one.posts:5}={one.billed:<6}  {one.cost:.6f}")
    clips = sum(one.clips for one in found)
    first, kept = sum(one.first for one in found), sum(one.kept for one in found)
    lost = sum(one.clips for one in found if one.outcome == "nothing")
    print(f"\nvalid at first {first / clips:.1%}, after corrections {kept / clips:.1%} of {clips} clips;")
    print(f"{lost} of them are of briefs whose answers never keep the rules")


if __name__ == "__main__":
    sys.exit(main())
