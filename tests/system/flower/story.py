"""What happens at the site before anybody looks: renders, refusals and failures of every kind."""

from __future__ import annotations

from tests.system.flower.site import IMAGE_URL, KEY, PROMPT, REFUSED, RENDERED_COUNT, Site, wait_for

QUICK = {"poll_interval_ms": 200, "resolution": "1280x720"}
CLIP = {"model": "wan2.6-t2v", "prompt": PROMPT, **QUICK}


def tell(site: Site) -> None:
    """Let everything happen, and wait until Flower has heard of it."""
    site.enqueue("clip-1", CLIP)
    site.enqueue("clip-2", {**CLIP, "negative_prompt": "canary-prompt rain"})
    site.enqueue("clip-3", {"model": "wan2.6-i2v-flash", "prompt": PROMPT, "image": IMAGE_URL, "poll_interval_ms": 200})
    site.enqueue("moderated", {**CLIP, "prompt": f"{PROMPT} [[blocked-output]]"})
    site.enqueue("refused-by-provider", {**CLIP, "prompt": REFUSED})
    site.enqueue("too-long", {**CLIP, "negative_prompt": "canary-prompt " * 40})
    site.enqueue("no-object", PROMPT)  # type: ignore[arg-type] # a producer's mistake
    site.enqueue("canary-prompt \0", CLIP)  # a key that Postgres cannot store
    site.producer.send_task("intake.enqueue", kwargs={"request": CLIP, "prompt": PROMPT}, queue="intake")
    site.producer.send_task("intake.enqeue", kwargs={"request": CLIP}, queue="intake")  # misspelt
    site.enqueue("later", CLIP, countdown=1000)  # held in the worker: on its page, and in `inspect`
    site.producer.send_task("control.sweep", queue="control", argsrepr="()", kwargsrepr="{}")
    site.producer.send_task("control.report", queue="control", argsrepr="()", kwargsrepr="{}")
    wait_for(lambda: site.count("succeeded") == RENDERED_COUNT, "the clips are rendered")
    wait_for(lambda: site.count("moderated") == site.count("failed") == 1, "the others are refused")
    wait_for(lambda: len(site.tasks("render.archive", "SUCCESS")) >= RENDERED_COUNT, "Flower has heard of the renders")
    wait_for(lambda: len(site.tasks("intake.enqueue", "FAILURE")) == 4, "Flower has heard of the failures")


FAULT = {
    "operation": "submit",
    "kind": "error",
    "status": 400,
    "code": "InvalidURL",
    "message": f"cannot load {IMAGE_URL} for {PROMPT} with {KEY}",
    "match": {"prompt_contains": REFUSED},
}
"""A provider that quotes the request when it refuses it."""
