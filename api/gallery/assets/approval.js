// The rest of a campaign, once somebody has looked at its canary: told what it costs, and bought for no more.

async function approveRest(button) {
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
  button.disabled = true;
  const going = await post(url, { count_max: count, amount_max: money?.amount ?? "0", unpriced_max: unpriced }, gallery.title);
  button.disabled = false;
  if (!going) return;
  document.querySelector("[data-approve]")?.closest(".reason").remove();
  say(`${gallery.title}: approved, and the other ${clipCount} will be rendered`);
}

/** Offer what needs the script. */
function offerApproval(page) {
  for (const button of page.querySelectorAll("[data-approve]")) button.hidden = false;
}

offerApproval(document);
document.querySelector(".reasons").addEventListener("click", (event) => {
  const button = event.target.closest("[data-approve]");
  if (button) approveRest(button);
});
