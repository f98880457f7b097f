// The places of the sheet: each holds a clip, which changes or gives way to another while somebody looks.

const focusedIndex = () => indexOf.get(document.activeElement?.closest(".tile")) ?? -1;

/**
 * Put the clips of the page into their places; whoever is at one stays with it.
 * *order* has the ids of all; *fresh* clip and tile of those that have changed after *readAt*.
 */
function arrange(order, fresh, readAt) {
  const before = clips[opened], focused = clips[focusedIndex()];
  while (tiles.length > order.length) drop();
  order.forEach((id, index) => { if (fresh.has(id)) fill(index, ...fresh.get(id), readAt); });
  indexById.clear();
  order.forEach((id, index) => indexById.set(id, index));
  const place = focused && indexById.get(focused.id);
  if (place !== undefined && place !== focusedIndex()) links[place].focus({ preventScroll: true });
  if (before) stayAt(before);
}

/** Keep the details of a clip open, or of the one that has come into its place. */
function stayAt(before) {
  const place = Math.min(indexById.get(before.id) ?? opened, clips.length - 1);
  opened = place;
  if (place < 0) detail.close();
  else if (clips[place] !== before) describeAnew(before);
}

function fill(index, clip, fresh, readAt) {
  const before = clips[index];
  if (before?.id === clip.id && markedAt.get(clip.id) > readAt) {
    for (const key of ["decision", "decided_by", "decided_at"]) clip[key] = before[key];
  }
  if (JSON.stringify(before) === JSON.stringify(clip)) return;
  clips[index] = clip;
  haystacks[index] = haystackOf(clip, index);
  fresh.querySelector(".number").textContent = (gallery.first_number ?? 1) + index;
  if (before) change(index, fresh, before);
  else append(index, fresh);
  showMark(index);
}

function append(index, fresh) {
  sheet.append(fresh);
  tiles.push(fresh);
  links.push(fresh.firstElementChild);
  links[index].tabIndex = -1;
  indexOf.set(fresh, index);
}

/** A tile stays the element that it is, so that it keeps the focus, and a video in it that plays. */
function change(index, fresh, before) {
  const [frame, edge] = links[index].children;
  const [newFrame, newEdge] = fresh.firstElementChild.children;
  tiles[index].dataset.state = fresh.dataset.state;
  links[index].setAttribute("href", fresh.firstElementChild.getAttribute("href"));
  edge.replaceWith(newEdge);
  if (players.has(index) && before.clip?.url === clips[index].clip?.url) return;
  stop(index);
  if (frame.innerHTML !== newFrame.innerHTML) frame.replaceWith(newFrame);
}

function drop() {
  stop(tiles.length - 1);
  if (current === tiles.length - 1) current = -1;
  tiles.pop().remove();
  for (const list of [links, clips, haystacks]) list.pop();
}
