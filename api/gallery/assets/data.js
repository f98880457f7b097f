// What the page is about: the data of its island, and the tile of each clip, by index.

const gallery = JSON.parse(document.getElementById("gallery-data").textContent);
const clips = gallery.tiles ?? [];
const sheet = document.getElementById("sheet");
const tiles = [...sheet.querySelectorAll(".tile")];
const links = tiles.map((tile) => tile.firstElementChild);
const indexOf = new Map(tiles.map((tile, index) => [tile, index]));
const indexById = new Map(clips.map((clip, index) => [clip.id, index]));
const isStill = matchMedia("(prefers-reduced-motion: reduce)");

const words = (name) => (name.charAt(0).toUpperCase() + name.slice(1)).replaceAll("_", " ");
/** A state as people read it, in a sentence. */
const stateWords = (clip) => gallery.words[clip.state];

/** An element with attributes and children; strings become text, never markup. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== null));
  return element;
}

let messageTimer;
/** Tell something to everybody, also to those who hear the page. */
/** Tell something: for a while, or for good where a link says what to do. */
function say(text, link) {
  const box = document.querySelector("[data-message]");
  box.replaceChildren(text, ...(link ? [" ", link] : []));
  box.hidden = false;
  clearTimeout(messageTimer);
  if (!link) messageTimer = setTimeout(() => { box.hidden = true; }, 6000);
}

// A poster that is not there leaves an empty frame, not a broken picture.
sheet.addEventListener("error", (event) => {
  if (event.target instanceof HTMLImageElement) event.target.closest(".frame")?.classList.add("broken");
}, true);
