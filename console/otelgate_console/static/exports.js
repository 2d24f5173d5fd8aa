// Follows exports that are under way, and shows the page again once one has ended.
const POLL_MS = 1000;

async function follow(item) {
  const answer = await fetch(`/exports/${item.dataset.export}`);
  if (!answer.ok) return location.reload();
  const { state, written, total } = await answer.json();
  if (state !== "waiting" && state !== "running") return location.reload();
  const progress = item.querySelector("progress");
  progress.max = total || 1;
  progress.value = written;
  setTimeout(follow, POLL_MS, item);
}

for (const item of document.querySelectorAll('[data-state="waiting"], [data-state="running"]')) follow(item);
