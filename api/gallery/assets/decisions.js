// Approve, retry, reject: sent to the server that has the gallery, or kept in the browser and saved as a file.

const DONE = { approve: "Approved", retry: "To be rendered again", reject: "Rejected" };
const CAN = {
  approve: (clip) => Boolean(clip.clip),
  reject: (clip) => Boolean(clip.clip),
  retry: (clip) => ["succeeded", "failed", "moderated", "cancelled", "expired", "lost"].includes(clip.state),
};
const saveButton = form.querySelector("[data-save]");
const storageKey = `reelqueue:marks:${gallery.id}`;
const ask = document.getElementById("ask");

/** Decide about a clip; to approve or to reject again takes it back. */
async function decide(index, decision) {
  const clip = clips[index];
  if (!CAN[decision](clip)) return say(`${clip.name}: ${stateWords(clip)}, so there is nothing to ${decision}`);
  if (decision === "retry" && gallery.decisions_url) return retry(clip);
  const before = clip.decision;
  const isBack = before === decision;
  const after = isBack ? undefined : decision;
  mark(index, after);
  if (!gallery.decisions_url) keepMarks();
  else {
    const isKept = await send(clip, { decision: isBack ? "undecide" : decision });
    markWhereItIs(clip, isKept ? after : before);
    if (!isKept) return;
  }
  say(`${clip.name}: ${isBack ? "mark taken back" : DONE[decision].toLowerCase()}`);
}

/** Buy a clip again: its price is told and asked for first, and no more is bought than was told. */
async function retry(clip) {
  const offer = (await send(clip, { decision: "retry", dry_run: true }))?.cost;
  if (!offer) return;
  if (!offer.count) return say(`${clip.name}: is being rendered again already`);
  const others = offer.count - 1;
  const isMeant = await confirmed({
    title: `Render ${clip.name} again?`,
    price: `It costs ${most(offer)}${others ? `, with ${others} more that hang on it` : ""}.`,
    note: clip.clip ? "The clip that is there stays in the archive, and the new one takes its place here." : "",
    yes: "Render again",
    no: "Keep it as it is",
  });
  if (!isMeant) return;
  const bought = await send(clip, agreed(offer));
  if (!bought) return;
  markWhereItIs(clip, "retry");
  say(`${clip.name}: ${DONE.retry.toLowerCase()}`);
}

/** An order for what a person was shown, and no more. */
const agreed = (offer) => ({
  decision: "retry",
  count_max: offer.count,
  amount_max: offer.max_amount,
  unpriced_max: offer.unpriced_count,
});

/** What an offer costs, in words. */
const most = (offer) => (offer.currency ? `at most ${amount({ amount: offer.max_amount, currency: offer.currency })}${offer.unpriced_count ? `, without ${offer.unpriced_count} whose price nobody has published` : ""}` : "a price that nobody has published");

/** Ask a person; the answer comes when the dialog is closed, however that is. */
function confirmed({ title, price, note, yes, no }) {
  ask.querySelector("h2").textContent = title;
  ask.querySelector("[data-price]").textContent = price;
  ask.querySelector("[data-note]").textContent = note;
  ask.querySelector("[data-note]").hidden = !note;
  for (const button of ask.querySelectorAll("button")) button.textContent = button.value ? yes : no;
  ask.returnValue = "";
  ask.showModal();
  return new Promise((resolve) => ask.addEventListener("close", () => resolve(ask.returnValue === "yes"), { once: true }));
}

/** The server's answer about a clip, or undefined where it refused; then it has been said why. */
const send = (clip, body) => post(gallery.decisions_url, { ...body, job_ids: [clip.id] }, clip.name);

async function post(url, body, about) {
  try {
    const answer = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const said = await answer.json().catch(() => ({}));
    if (answer.ok) {
      listen(); // an ended campaign goes on
      return said;
    }
    say(`${about}: ${said.detail ?? `the server refused (${answer.status})`}`);
  } catch {
    say(`${about}: the server does not answer; nothing was changed`);
  }
  return undefined;
}

const markedAt = new Map(); // by id: what was read before is older than the mark
function mark(index, decision) {
  const clip = clips[index];
  markedAt.set(clip.id, performance.now());
  if (decision) clip.decision = decision;
  else delete clip.decision;
  delete clip.decided_by;
  delete clip.decided_at;
  showMark(index);
  showDecision(index);
}

/** Mark a clip after the server has answered: it may stand elsewhere, or have given way to another. */
function markWhereItIs(clip, decision) {
  const index = indexById.get(clip.id);
  if (index !== undefined) mark(index, decision);
}

function showMark(index) {
  const { decision } = clips[index];
  if (decision) tiles[index].dataset.decision = decision;
  else delete tiles[index].dataset.decision;
  links[index].setAttribute("aria-describedby", `mark-${decision ?? ""}`);
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
