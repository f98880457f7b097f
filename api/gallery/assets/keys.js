// The keyboard: arrows in the sheet and between clips, letters for decisions.

const DECISIONS = { a: "approve", r: "retry", x: "reject" };
const help = document.getElementById("help");

const isTyping = (target) => target.closest?.("input[type=search], select, textarea") !== null;

function focusTile(index) {
  links[index].focus({ preventScroll: true });
  tiles[index].scrollIntoView({ block: "nearest" });
}

/** The shown tile beside a tile; up and down go by what is seen, as rows have no fixed length. */
function neighbour(index, key) {
  const among = shownIndexes();
  const place = among.indexOf(index);
  const columns = getComputedStyle(sheet).gridTemplateColumns.split(" ").length;
  const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
  if (key === "Home") return among[0];
  if (key === "End") return among.at(-1);
  const last = among.length - 1;
  const isLastRow = Math.floor(place / columns) === Math.floor(last / columns);
  return among[key === "ArrowDown" && !isLastRow ? Math.min(place + columns, last) : place + by[key]];
}

/** Where arrows begin while no clip has the focus: where one was last, or at the first that is in sight. */
function entry() {
  const bar = form.getBoundingClientRect();
  const covered = bar.top <= 0 ? Math.max(bar.bottom, 0) : 0; // it sticks to the top of a large screen
  const isSeen = (index) => {
    const { top, bottom } = tiles[index].getBoundingClientRect();
    const middle = (top + bottom) / 2;
    return middle > covered && middle < innerHeight;
  };
  if (current >= 0 && isSeen(current)) return current;
  return shownIndexes().find(isSeen) ?? current;
}

function enterSheet() {
  const index = entry();
  if (index >= 0) focusTile(index);
  return index >= 0;
}

function sheetKey(event, index) {
  if (/^(Arrow|Home$|End$)/.test(event.key)) {
    const next = neighbour(index, event.key);
    if (next !== undefined) focusTile(next);
    return true;
  }
  if (event.key === " ") {
    if (!clips[index].clip) say(`${clips[index].name}: ${stateWords(clips[index])}, so there is nothing to play`);
    else if (players.has(index)) stop(index);
    else play(index);
    return true;
  }
  return decisionKey(event, index);
}

function decisionKey(event, index) {
  const decision = DECISIONS[event.key.toLowerCase()];
  if (decision && !event.repeat) decide(index, decision); // a key that is held decides once
  return Boolean(decision);
}

function detailKey(event) {
  const video = screenBox.querySelector("video");
  const isOnControl = event.target === video || event.target.closest("button, a");
  if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
    if (event.target === video) return false; // seeks
    step(event.key === "ArrowLeft" ? -1 : 1);
    return true;
  }
  if (event.key === " " && video && !isOnControl && event.target !== story) {
    if (video.paused) video.play();
    else video.pause();
    return true;
  }
  return decisionKey(event, opened);
}

function pageKey(event) {
  if (event.key.startsWith("Arrow")) return enterSheet();
  if (event.key === "/") form.elements.words.focus();
  else if (event.key === "?") help.showModal();
  else return false;
  return true;
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || help.open || ask.open) return;
  if (isTyping(event.target)) {
    if (event.key !== "Escape" || current < 0) return;
    focusTile(current);
    event.preventDefault(); // which would empty the field and leave the filter
    return;
  }
  const index = indexOf.get(event.target.closest?.(".tile"));
  const isDone = detail.open ? detailKey(event) : (index !== undefined && sheetKey(event, index)) || pageKey(event);
  if (isDone) event.preventDefault();
}

document.addEventListener("keydown", onKey);
document.querySelector(".skip").addEventListener("click", (event) => { if (enterSheet()) event.preventDefault(); });
form.querySelector("[data-help]").addEventListener("click", () => help.showModal());

if (!gallery.decisions_url) recallMarks();
filter();
followAddress();
