// One clip, with everything that is known about it. Its address is the page's with the job's id.

const detail = document.getElementById("detail");
const screenBox = detail.querySelector("[data-screen]");
const story = detail.querySelector("[data-story]");
let opened = -1;

function open(index) {
  const clip = clips[index];
  opened = index;
  stopAll();
  describe(index);
  clearScreen();
  screenBox.append(screenOf(clip));
  story.scrollTop = 0;
  if (!detail.open) detail.showModal();
  detail.querySelector("#detail-name").focus();
}

/** All but the video. */
function describe(index) {
  const clip = clips[index];
  detail.querySelector("[data-number]").textContent = (gallery.first_number ?? 1) + index;
  detail.querySelector("[data-model]").textContent = clip.model;
  detail.querySelector("#detail-name").textContent = clip.name;
  const state = detail.querySelector("[data-state-words]");
  state.textContent = words(stateWords(clip));
  state.dataset.tone = clip.clip ? "good" : clip.why ? "bad" : "";
  story.replaceChildren(...storyOf(clip));
  showDecision(index);
}

/** The clip that is open has become another; a video that plays is let play. */
function describeAnew(before) {
  const clip = clips[opened], { scrollTop } = story, video = screenBox.querySelector("video");
  describe(opened);
  story.scrollTop = scrollTop;
  if (clip.id !== before.id) history.replaceState(history.state, "", `#${clip.id}`);
  if (video && (!video.paused || clip.clip?.url === before.clip?.url)) return;
  clearScreen();
  screenBox.append(screenOf(clip));
}

function screenOf(clip) {
  if (!clip.clip) return make("p", {}, make("strong", {}, words(stateWords(clip))), clip.why?.message ?? "");
  const video = make("video", {
    controls: "", loop: "", playsinline: "", preload: "auto", src: clip.clip.url, poster: clip.poster?.url,
    "aria-label": `Clip ${clip.name}`,
  });
  // With sound where the browser lets it, as somebody has asked for this clip.
  if (!isStill.matches) video.play().catch(() => { video.muted = true; video.play().catch(() => {}); });
  return video;
}

function clearScreen() {
  const video = screenBox.querySelector("video");
  if (video) release(video);
  screenBox.replaceChildren();
}

function storyOf(clip) {
  return [
    ...(clip.why && clip.clip ? [] : whyOf(clip.why)),
    ...text("Prompt", clip.prompt),
    ...text("Negative prompt", clip.negative_prompt),
    ...text("Prompt as rewritten", clip.actual_prompt),
    ...list("References", clip.references, (item) => make("li", {}, make("b", { class: "role" }, item.role), make("span", {}, address(item.url)))),
    ...facts("Clip", {
      Seed: clip.seed, ...asked(clip), Length: clip.clip?.duration_seconds && `${Number(clip.clip.duration_seconds)} s`,
      Size: clip.clip?.width_px && `${clip.clip.width_px} × ${clip.clip.height_px}`, Sound: sound(clip.clip), "On disk": bytes(clip.clip?.size_bytes), File: clip.file,
    }),
    ...facts("Variables", variables(clip)),
    ...facts("Cost", { Spent: (clip.spent ?? []).map((money) => amount(money)).join(", ") || undefined, Billed: clip.billed_seconds && `${Number(clip.billed_seconds)} s` }),
    ...list("Attempts", clip.tries, (item) => make("li", {}, time(item.at), make("span", {}, attempt(item))), "ol"),
    ...list("Events", clip.events, (item) => make("li", {}, time(item.at), make("span", {}, item.words)), "ol"),
    ...facts("Ids", { State: clip.state, Job: clip.id, Task: clip.provider_task_id, "SHA-256": clip.clip?.sha256 }, "fine"),
  ];
}

/** In the order of the campaign's file. */
function variables(clip) {
  const given = clip.variables ?? {};
  const known = (gallery.variable_names ?? []).filter((name) => name in given);
  return Object.fromEntries([...known, ...Object.keys(given)].map((name) => [name, given[name]]));
}

const asked = (clip) => Object.fromEntries(Object.entries(clip.asked ?? {}).map(([name, value]) => [words(name), shownOption(name, value)]));
function shownOption(name, value) {
  if (name === "duration") return `${value} s`;
  return typeof value === "boolean" ? (value ? "yes" : "no") : value;
}
const heading = (words) => make("h3", {}, words);
const text = (name, value) => (value ? [heading(name), make("p", { class: "words", dir: "auto" }, value)] : []);
const list = (name, items, row, kind = "ul") => (items?.length ? [heading(name), make(kind, {}, ...items.map(row))] : []);

function whyOf(why) {
  if (!why) return [];
  const code = [why.failure_class, why.code].filter(Boolean).join(" · ");
  return [heading("Why"), make("p", { class: "why" }, why.message ?? code), why.message && code ? make("p", { class: "role" }, code) : ""];
}

function facts(name, values, kind) {
  const known = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== "");
  if (!known.length) return [];
  return [heading(name), make("dl", { class: kind }, ...known.flatMap(([key, value]) => [make("dt", {}, key), make("dd", {}, String(value))]))];
}

/** A link where it leads to the web, else what was given: nobody's prompt makes a script of it. */
function address(url) {
  if (!/^https?:\/\//i.test(url)) return url;
  return make("a", { href: url, rel: "noopener noreferrer nofollow", target: "_blank" }, url);
}

function attempt(item) {
  const outcome = [item.error_code, item.error_message].filter(Boolean).join(": ");
  const status = item.http_status ? ` (${item.http_status})` : "";
  return `${item.number}. ${item.state}${status}${outcome ? `, ${outcome}` : ""}`;
}

function time(at) {
  const moment = new Date(at);
  return make("time", { datetime: at, title: at }, `${moment.toLocaleDateString(undefined, { month: "short", day: "numeric" })} ${moment.toLocaleTimeString(undefined, { hour12: false })}`);
}

/** Cents at least, and what is beyond them where there is any. */
const amount = (money) => `${money.amount.replace(/(\.\d\d\d*?)0+$/, "$1")} ${money.currency}`;
const sound = (clip) => (clip?.has_audio === undefined ? undefined : clip.has_audio ? "yes" : "no");
function bytes(count) {
  if (!count) return undefined;
  return count < 1e6 ? `${Math.ceil(count / 1e3)} kB` : `${(count / 1e6).toFixed(count < 1e7 ? 1 : 0)} MB`;
}

function showDecision(index) {
  if (index !== opened) return;
  for (const button of detail.querySelectorAll("[data-decide]")) {
    button.setAttribute("aria-pressed", String(clips[index].decision === button.dataset.decide));
    button.hidden = !CAN[button.dataset.decide](clips[index]);
  }
  const clip = clips[index];
  const by = clip.decided_by ? ` by ${clip.decided_by}` : "";
  const when = clip.decided_at ? [", ", time(clip.decided_at)] : [];
  const box = detail.querySelector("[data-decided]");
  box.replaceChildren(...(clip.decision ? [`${DONE[clip.decision] ?? clip.decision}${by}`, ...when] : []));
  box.hidden = !clip.decision;
}

function step(by) {
  const among = shownIndexes();
  const place = among.indexOf(opened);
  const next = among[place < 0 ? 0 : place + by];
  if (next !== undefined) show(next, true);
}

/** Go to a clip's address, which opens it; back leads to the sheet. */
function show(index, isInstead = false) {
  history[isInstead ? "replaceState" : "pushState"]({ isOpened: true }, "", `#${clips[index].id}`);
  open(index);
}

function followAddress() {
  const index = indexById.get(decodeURIComponent(location.hash.slice(1)));
  if (index !== undefined) open(index);
  else if (detail.open) detail.close();
}

detail.addEventListener("close", () => {
  const index = opened;
  opened = -1;
  clearScreen();
  if (location.hash) history.replaceState({}, "", location.pathname + location.search);
  if (index >= 0 && !tiles[index].hidden) links[index].focus();
});
detail.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (event.target === detail || button?.matches("[data-close]")) detail.close();
  else if (button?.dataset.step) step(Number(button.dataset.step));
  else if (button?.dataset.decide) decide(opened, button.dataset.decide);
});
sheet.addEventListener("click", (event) => {
  const index = indexOf.get(event.target.closest(".tile"));
  if (index === undefined || event.ctrlKey || event.metaKey || event.shiftKey) return; // a new tab gets the clip itself
  event.preventDefault();
  show(index);
});
addEventListener("popstate", followAddress);
