// Playing in the sheet: a few videos at a time, each given back as soon as it is out of sight.

const PLAYERS_MAX = 3;
const HOVER_MS = 130; // a pointer that only passes by loads nothing
const players = new Map(); // index → video, the longest unused first
let hoverTimer;

/** Play a clip in its frame. */
function play(index) {
  const clip = clips[index].clip;
  if (!clip || players.has(index)) return;
  while (players.size >= PLAYERS_MAX) stop(players.keys().next().value);
  const video = make("video", { muted: "", loop: "", playsinline: "", preload: "auto", "aria-hidden": "true", tabindex: "-1" });
  video.muted = true;
  video.addEventListener("playing", () => video.classList.add("on"), { once: true });
  video.addEventListener("error", () => stop(index), { once: true });
  video.src = clip.url;
  players.set(index, video);
  tiles[index].querySelector(".frame").append(video);
  sight.observe(tiles[index]);
  video.play().catch(() => stop(index)); // taken away before it began, or not allowed
}

function stop(index) {
  const video = players.get(index);
  if (!video) return;
  players.delete(index);
  sight.unobserve(tiles[index]);
  release(video);
}

/** Let go of a video's memory and connection: removing the element alone does neither. */
function release(video) {
  video.pause();
  video.removeAttribute("src");
  video.load();
  video.remove();
}

const stopAll = () => [...players.keys()].forEach(stop);

const sight = new IntersectionObserver((entries) => {
  for (const entry of entries) if (!entry.isIntersecting) stop(indexOf.get(entry.target));
});

sheet.addEventListener("pointerover", (event) => {
  const tile = event.target.closest(".tile");
  if (event.pointerType !== "mouse" || !tile || isStill.matches) return;
  clearTimeout(hoverTimer);
  hoverTimer = setTimeout(() => play(indexOf.get(tile)), HOVER_MS);
});
sheet.addEventListener("pointerout", (event) => {
  const tile = event.target.closest(".tile");
  if (event.pointerType !== "mouse" || !tile || tile.contains(event.relatedTarget)) return;
  clearTimeout(hoverTimer);
  stop(indexOf.get(tile));
});
document.addEventListener("visibilitychange", () => { if (document.hidden) stopAll(); });
