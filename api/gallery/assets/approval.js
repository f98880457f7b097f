// The rest of a campaign, once somebody has looked at its canary: told what it costs, and bought for no more.

const approveButton = document.querySelector("[data-approve]");

async function approveRest() {
  const { url, count, most: money, unpriced_count: unpriced } = gallery.approval;
  const clipCount = `${count.toLocaleString()} ${count === 1 ? "clip" : "clips"}`;
  const isMeant = await confirmed({
    title: `Render the other ${clipCount}?`,
    price: money ? `They cost at most ${amount(money)}.` : "Nobody has published a price for them.",
    note: money && unpriced ? `Nobody has published a price for ${unpriced.toLocaleString()} of them, which are not in that.` : "",
    yes: "Render them",
    no: "Not yet",
  });
  if (!isMeant) return;
  approveButton.disabled = true;
  const going = await post(url, { count_max: count, amount_max: money?.amount ?? "0", unpriced_max: unpriced }, gallery.title);
  approveButton.disabled = false;
  if (!going) return;
  approveButton.closest(".reason").remove();
  say(`${gallery.title}: approved, and the other ${clipCount} will be rendered`);
}

if (approveButton) {
  approveButton.hidden = false;
  approveButton.addEventListener("click", approveRest);
}
