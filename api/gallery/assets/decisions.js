// Approve, retry, reject: sent to the server that has the gallery, or kept in the browser and saved as a file.

const DONE = { approve: "Approved", retry: "To be retried", reject: "Rejected" };
const CAN = {
  approve: (clip) => Boolean(clip.clip),
  reject: (clip) => Boolean(clip.clip),
  retry: (clip) => ["succeeded", "failed", "moderated", "timed_out", "cancelled", "expired", "lost"].includes(clip.state),
};
const saveButton = form.querySelector("[data-save]");
const storageKey = `reelqueue:marks:${gallery.id}`;

/** Decide about a clip; the same decision again takes it back where nothing was sent. */
async function decide(index, decision) {
  const clip = clips[index];
  if (!CAN[decision](clip)) return say(`${clip.name}: ${words(clip.state).toLowerCase()}, so there is nothing to ${decision}`);
  const told = new CustomEvent("gallery:decision", { detail: { decision, jobIds: [clip.id] }, cancelable: true });
  if (!document.dispatchEvent(told)) return;
  if (!gallery.decisions_url) {
    const isBack = clip.decision === decision;
    mark(index, isBack ? undefined : decision);
    keepMarks();
    return say(`${clip.name}: ${isBack ? "mark taken back" : DONE[decision].toLowerCase()}`);
  }
  if (decision === "retry" && !isRetryMeant(index)) return;
  const before = clip.decision;
  mark(index, decision);
  const refusal = await send(decision, [clip.id]);
  if (refusal) mark(index, before);
  say(refusal ? `${clip.name}: ${refusal}` : `${clip.name}: ${DONE[decision].toLowerCase()}`);
}

let askedAbout; // the clip that would be rendered a second time
/** Whether to buy a clip again: never twice at once, and one that is there only when told so twice. */
function isRetryMeant(index) {
  const clip = clips[index];
  if (clip.decision === "retry") {
    say(`${clip.name}: is being retried already`);
    return false;
  }
  const isMeant = !clip.clip || askedAbout === index;
  askedAbout = isMeant ? undefined : index;
  if (!isMeant) say(`${clip.name}: is there already; retry once more to render it again, and to pay for it again`);
  return isMeant;
}

/** Why the server refused, or undefined. */
async function send(decision, jobIds) {
  try {
    const answer = await fetch(gallery.decisions_url, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ decision, job_ids: jobIds }),
    });
    if (answer.ok) return undefined;
    const problem = await answer.json().catch(() => ({}));
    return problem.detail ?? `the server refused (${answer.status})`;
  } catch {
    return "the server does not answer; nothing was changed";
  }
}

function mark(index, decision) {
  const clip = clips[index];
  if (decision) clip.decision = decision;
  else delete clip.decision;
  if (decision) tiles[index].dataset.decision = decision;
  else delete tiles[index].dataset.decision;
  links[index].setAttribute("aria-describedby", `mark-${decision ?? ""}`);
  showDecision(index);
}

/** What is marked here, for those that have no server. */
const marks = () => clips.filter((clip) => clip.decision).map(({ id, name, decision }) => ({ job_id: id, custom_id: name, decision }));

function keepMarks() {
  const kept = marks();
  saveButton.hidden = !kept.length;
  try {
    localStorage.setItem(storageKey, JSON.stringify(kept));
  } catch {
    // A browser that keeps nothing for files; the marks last as long as the page.
  }
}

function recallMarks() {
  try {
    for (const { job_id, decision } of JSON.parse(localStorage.getItem(storageKey) ?? "[]")) {
      const index = indexById.get(job_id);
      if (index !== undefined && decision in DONE) mark(index, decision);
    }
  } catch {
    // As above; and what somebody else wrote there is not ours to mend.
  }
  saveButton.hidden = !marks().length;
}

saveButton.addEventListener("click", () => {
  const lines = marks().map((line) => `${JSON.stringify(line)}\n`);
  const url = URL.createObjectURL(new Blob(lines, { type: "application/jsonl" }));
  make("a", { href: url, download: "decisions.jsonl" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
});
document.body.append(
  make("div", { hidden: "" }, ...Object.entries(DONE).map(([key, text]) => make("span", { id: `mark-${key}` }, text))),
);
