// Requests to the console's own server: a few at a time, in the order in which they were wanted.

const MOST = 6;
const waiting = [];
let running = 0;

/** The JSON at an address. Rejects with an Error in words; an aborted request is never sent. */
export function ask(path, parameters, signal) {
  return new Promise((resolve, reject) => {
    waiting.push({ path: `${path}?${parameters}`, signal, resolve, reject });
    next();
  });
}

function next() {
  while (running < MOST && waiting.length) {
    const request = waiting.shift();
    running += 1;
    send(request)
      .then(request.resolve, request.reject)
      .finally(() => {
        running -= 1;
        next();
      });
  }
}

const fetched = (path, signal) => fetch(path, { signal, headers: { accept: "application/json" } });

/** A connection that breaks, as when the network changes, is tried once more. */
async function send({ path, signal }) {
  signal?.throwIfAborted();
  const answer = await fetched(path, signal)
    .catch(() => fetched(path, signal))
    .catch((error) => {
      throw error.name === "AbortError" ? error : new Error("The console does not answer. Is it running?");
    });
  if (answer.status === 401) location.reload(); // To the login page, and back here.
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(content.error || `The console answered with status ${answer.status}.`);
  return content;
}
