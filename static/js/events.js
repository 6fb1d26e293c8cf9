// events.js - the stream of news, GET /events: kept open while the page is seen, opened again when it
// breaks, and handed on once a frame so that a busy service does not make a busy page.

import { answered, onBack } from "./connection.js";

const REOPEN_MS = [1000, 2000, 4000, 8000, 15000];
const HIDDEN_MS = 20000; // a browser has six connections for a host, and each tab would keep one
const A_FRAME = 200; // of each are handed on at once
const MAX_PENDING = 2000; // jobs and images between two frames; then all is read again

let source = null;
let attempts = 0;
let hiddenTimer = null;
let reopenTimer = null;
let frame = null;
let pending = fresh();
let handlers;

function fresh() {
  return { reset: false, jobs: new Map(), images: new Map() };
}

// The first n values, which are taken out.
function take(map, n) {
  const taken = [];
  for (const [key, value] of map) {
    if (taken.length === n) break;
    taken.push(value);
    map.delete(key);
  }
  return taken;
}

function flush() {
  const { reset } = pending;
  const jobs = take(pending.jobs, A_FRAME);
  const images = take(pending.images, A_FRAME);
  frame = pending.jobs.size + pending.images.size ? requestAnimationFrame(flush) : null;
  pending.reset = false;
  if (reset) handlers.onReset();
  if (jobs.length || images.length) handlers.onNews(jobs, images);
}

function note(change) {
  change(pending);
  if (pending.jobs.size + pending.images.size > MAX_PENDING) pending = { ...fresh(), reset: true };
  frame ??= requestAnimationFrame(flush);
}

function read(event) {
  try {
    return JSON.parse(event.data);
  } catch {
    return null;
  }
}

function open() {
  clearTimeout(reopenTimer);
  source?.close();
  source = new EventSource("/events");
  source.addEventListener("open", () => {
    attempts = 0;
    answered();
  });
  source.addEventListener("reset", () => note((p) => (p.reset = true)));
  source.addEventListener("job", (event) => {
    const job = read(event);
    if (job?.id) note((p) => {
      const known = p.jobs.get(job.id);
      if (!known || (job.version ?? 0) >= (known.version ?? 0)) p.jobs.set(job.id, job);
    });
  });
  source.addEventListener("image", (event) => {
    const news = read(event);
    if (news?.image?.id) note((p) => p.images.set(news.image.id, news));
  });
  source.addEventListener("error", () => {
    handlers.onBroken();
    if (source.readyState !== EventSource.CLOSED) return; // the browser tries again itself
    clearTimeout(reopenTimer);
    reopenTimer = setTimeout(open, REOPEN_MS[Math.min(attempts++, REOPEN_MS.length - 1)]);
  });
}

function close() {
  clearTimeout(reopenTimer);
  source?.close();
  source = null;
}

// onReset(): news may have been missed; onNews(jobs, images): at most once a frame; onBroken(): it has
// ended, which a server does too that only wants a fresh connection.
export function listen(onReset, onNews, onBroken) {
  handlers = { onReset, onNews, onBroken };
  open();
  onBack(() => {
    if (source === null || source.readyState === EventSource.CLOSED) open();
  });
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiddenTimer);
    if (document.hidden) hiddenTimer = setTimeout(close, HIDDEN_MS);
    else if (source === null) open();
  });
}
