// Filters: what of the sheet is shown.

const form = document.querySelector(".toolbar");
const shownOutput = form.elements.shown;
const resetButton = form.querySelector("[type=reset]");
const numbers = new Intl.NumberFormat("en");

// One text per clip, made once: searching a thousand clips must keep up with typing.
function haystackOf(clip, index) {
  return [
    clip.name, clip.id, clip.prompt, clip.negative_prompt, clip.actual_prompt, clip.model, clip.state, stateWords(clip),
    clip.provider_task_id, clip.seed, clip.why?.message, clip.why?.code, clip.why?.failure_class,
    ...Object.values(clip.variables ?? {}), (gallery.first_number ?? 1) + index,
  ].filter((part) => part !== undefined).join("\n").toLocaleLowerCase();
}
const haystacks = clips.map(haystackOf);

/** The value of a clip that a select is about. */
function valueOf(clip, name) {
  if (name === "decision") return clip.decision ?? "";
  if (name.startsWith("asked:")) return clip.asked?.[name.slice(6)] ?? "";
  if (name.startsWith("var:")) return clip.variables?.[name.slice(4)] ?? "";
  return clip[name] ?? "";
}

/** The choices made, as a test of one clip. */
function wanted() {
  const states = new Set([...form.querySelectorAll("[name=state]:checked")].map((box) => box.value));
  const needles = form.elements.words.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  const chosen = [...form.querySelectorAll("select")]
    .filter((select) => select.value)
    .map((select) => [select.name, select.value.slice(1)]);
  const isOpen = !states.size && !needles.length && !chosen.length;
  const test = (clip, index) =>
    (!states.size || states.has(clip.state)) &&
    needles.every((needle) => haystacks[index].includes(needle)) &&
    chosen.every(([name, value]) => valueOf(clip, name) === value);
  return { isOpen, test };
}

/** How many clips are in each state; a state without any is no choice. */
function countStates() {
  const counts = new Map();
  for (const { state } of clips) counts.set(state, (counts.get(state) ?? 0) + 1);
  const boxes = [...form.querySelectorAll("[name=state]")];
  for (const box of boxes) {
    const count = counts.get(box.value) ?? 0;
    box.closest(".chip").hidden = !count && !box.checked;
    box.closest(".chip").querySelector("small").textContent = numbers.format(count);
  }
  form.querySelector(".chips").hidden = counts.size < 2 && !boxes.some((box) => box.checked);
}

/** Show what is wanted, and the clip that somebody is at, whatever has become of it meanwhile. */
function filter(busyAt = -1) {
  const { isOpen, test } = wanted();
  let count = 0;
  tiles.forEach((tile, index) => {
    const isShown = test(clips[index], index) || index === busyAt;
    if (tile.hidden === isShown) tile.hidden = !isShown;
    count += isShown;
  });
  const total = numbers.format(tiles.length);
  const told = isOpen ? `${total} ${tiles.length === 1 ? "clip" : "clips"}` : `${numbers.format(count)} of ${total}`;
  if (shownOutput.value !== told) shownOutput.value = told; // else it would be read out again
  resetButton.hidden = isOpen;
  document.querySelector("[data-none]").hidden = isOpen || count > 0;
  keepFocusable();
}

const shownIndexes = () => tiles.flatMap((tile, index) => (tile.hidden ? [] : [index]));

// One tile is in the order of Tab, as in a toolbar; arrow keys move among them.
let current = -1;
function keepFocusable() {
  if (current < 0 || tiles[current].hidden) setCurrent(tiles.findIndex((tile) => !tile.hidden));
}
function setCurrent(index) {
  if (current >= 0) links[current].tabIndex = -1;
  current = index;
  if (index >= 0) links[index].tabIndex = 0;
}

form.hidden = false;
form.addEventListener("input", () => filter());
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("reset", () => setTimeout(() => filter())); // told before the fields are empty
links.forEach((link) => { link.tabIndex = -1; });
sheet.addEventListener("focusin", (event) => {
  const index = indexOf.get(event.target.closest(".tile"));
  if (index !== undefined) setCurrent(index);
});
