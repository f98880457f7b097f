// The page as its campaign goes: events say that something has happened, and the page asks for what has changed.
// A folder has no server to ask, and stays as it is.

const REFRESH_MS = 2000; // between two questions, however much happens,
const ANSWERS_BETWEEN = 10; // and so many times as long as the answer took, so that no page keeps a server busy
const RETRY_MAX_MS = 300_000;
let source;
let retryTimer;
let failures = 0;
let isStale = false;
let isAsking = false;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** How long to wait after a refusal: what the server asked for, then longer each time, and not all pages at once. */
function patience(seconds) {
  const least = 1000 * (Number(seconds) || gallery.retry_seconds);
  return Math.max(least, Math.min(least * 2 ** failures++, RETRY_MAX_MS)) * (1 + Math.random());
}

/** Follow the campaign's events, unless that is done already, nobody looks, or the campaign cannot be read. */
function listen() {
  if (!gallery.events_url || document.hidden || (source && source.readyState !== EventSource.CLOSED)) return;
  clearTimeout(retryTimer);
  source = new EventSource(gallery.events_url);
  source.addEventListener("open", () => { failures = 0; });
  source.addEventListener("campaign", (event) => { if (event.lastEventId !== gallery.version) refresh(); });
  source.addEventListener("end", ({ target }) => target.close()); // else the browser would connect again
  source.addEventListener("unauthorized", () => endUpdates(true));
  source.addEventListener("error", ({ target }) => {
    // A connection that broke is made again by the browser, one that was refused is not.
    if (target.readyState === EventSource.CLOSED) comeBack();
  });
}

/** Connect again when the server wants it, or stop where it never will: an EventSource does not tell why. */
async function comeBack() {
  const { status, seconds } = await whyRefused();
  if (status >= 400 && status < 500 && status !== 429) endUpdates(status === 401);
  else retryTimer = setTimeout(listen, patience(seconds));
}

async function whyRefused() {
  const asking = new AbortController();
  try {
    const answer = await fetch(gallery.events_url, { cache: "no-store", signal: asking.signal });
    return { status: answer.status, seconds: answer.headers.get("Retry-After") };
  } catch {
    return { status: 0 };
  } finally {
    asking.abort(); // it may be a stream
  }
}

/** Follow nothing any more, and say what to do. */
function endUpdates(isSignedOut) {
  delete gallery.events_url;
  clearTimeout(retryTimer);
  source?.close();
  const link = document.createElement("a");
  link.href = location.pathname + location.search; // without a key it leads to the sign-in page, and back
  link.textContent = isSignedOut ? "Sign in" : "Load it again";
  const why = isSignedOut ? ": you are no longer signed in." : ".";
  say(`This page is no longer brought up to date${why}`, link);
}

async function refresh() {
  isStale = true;
  if (isAsking) return;
  isAsking = true;
  while (isStale && !document.hidden) {
    isStale = false;
    const begun = performance.now();
    const wait = await bring();
    await pause(Math.max(wait, ANSWERS_BETWEEN * (performance.now() - begun)));
  }
  isAsking = false;
}

/** Bring what has changed since the page was made, or all of it; gives how long to wait then. */
async function bring(since = gallery.made_at) {
  const readAt = performance.now();
  const answer = await load(since);
  const island = answer.response?.getElementById("gallery-data");
  if (answer.status === 200 && island) {
    failures = 0;
    const data = JSON.parse(island.textContent);
    return renew(answer.response, data, !since, readAt) ? REFRESH_MS : bring(null);
  }
  if (answer.status === 0 || answer.status >= 500) {
    isStale = true;
    return patience(answer.getResponseHeader("Retry-After"));
  }
  endUpdates(answer.status === 401 || new URL(answer.responseURL || location.href).pathname === "/sign-in");
  return REFRESH_MS;
}

/** A page of the server's as a document; what `fetch` brings could not be parsed where trusted types are required. */
function load(since) {
  const url = new URL(gallery.changes_url, location.href);
  if (since) url.searchParams.set("since", since);
  const request = new XMLHttpRequest();
  request.open("GET", url);
  request.responseType = "document";
  return new Promise((resolve) => {
    request.addEventListener("loadend", () => resolve(request));
    request.send();
  });
}

/** Show what has changed; false where that is not enough, because clips have come or gone. */
function renew(page, data, isWhole, readAt) {
  const order = data.order ?? [];
  const found = [...page.querySelectorAll(".tile")];
  const fresh = new Map((data.tiles ?? []).map((clip, index) => [clip.id, [clip, found[index]]]));
  const isKnown = order.length === clips.length && order.every((id, index) => clips[index].id === id || fresh.has(id));
  if (!isWhole && !isKnown) return false;
  const isShapeless = !clips.some((clip) => (clip.clip ?? clip.poster)?.width_px);
  Object.assign(gallery, { version: data.version, made_at: data.made_at, approval: data.approval });
  arrange(order, fresh, readAt);
  offerApproval(page);
  [".numbers", ".made time", ".reasons", ".pages"].forEach((part) => swap(part, page));
  if (isWhole) renewChoices(page);
  if (isShapeless) sheet.dataset.shape = page.getElementById("sheet").dataset.shape;
  document.querySelector("[data-empty]").hidden = clips.length > 0;
  countStates();
  filter(opened >= 0 ? opened : focusedIndex());
  return true;
}

/** Take the content of a part of the page, if it is another; the focus stays at its place. */
function swap(part, page) {
  const old = document.querySelector(part);
  const fresh = page.querySelector(part);
  if (old.innerHTML === fresh.innerHTML) return;
  const places = "a, button, select";
  const place = [...old.querySelectorAll(places)].indexOf(document.activeElement);
  old.replaceChildren(...fresh.childNodes);
  old.hidden = fresh.hidden;
  if (fresh.dateTime) old.dateTime = fresh.dateTime;
  if (place >= 0) old.querySelectorAll(places)[place]?.focus();
}

function renewChoices(page) {
  const chosen = new Map([...form.querySelectorAll("select")].map((select) => [select.name, select.value]));
  swap(".choices", page);
  for (const select of form.querySelectorAll("select")) {
    select.value = chosen.get(select.name) ?? "";
    if (select.selectedIndex < 0) select.selectedIndex = 0;
  }
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    clearTimeout(retryTimer);
    source?.close(); // browsers have few connections to a server, which other tabs need
  } else {
    listen();
    if (isStale) refresh();
  }
});
listen();
