// events.js - the stream of news, GET /events: kept open while the page is seen, opened again when it
// breaks, and handed on once a frame so that a busy service does not make a busy page.

import { answered, onBack } from "./connection.js";

const REOPEN_MS = [1000, 2000, 4000, 8000, 15000];
const HIDDEN_MS = 20000; // a browser has six connections for a host, and each tab would keep one
const A_FRAME_MS = 6;
const MAX_PENDING = 3000; // events that wait for a frame; beyond, all is read again

let source = null;
let attempts = 0;
let hiddenTimer = null;
let reopenTimer = null;
let asked = false; // for a frame
let opening = false; // it is the stream itself that hears from the service again
let pending = []; // [type, data]
let taken = 0; // of these, by the frame under way
let handlers;

function parsed(data) {
  try {
    return JSON.parse(data) ?? {};
  } catch {
    return {};
  }
}

// A browser hands over many events in one go; they are parsed here, as many as a frame has time for.
function flush() {
  const end = performance.now() + A_FRAME_MS;
  const jobs = [];
  const images = [];
  let reset = false;
  asked = false;
  while (taken < pending.length && performance.now() < end) {
    const [type, data] = pending[taken++];
    const news = parsed(data);
    if (type === "reset") reset = true;
    else if (type === "job" && news.id) jobs.push(news);
    else if (type === "image" && news.image?.id) images.push(news);
  }
  if (taken === pending.length) {
    pending = [];
    taken = 0;
  } else {
    ask();
  }
  if (reset) handlers.onReset();
  if (jobs.length || images.length) handlers.onNews(jobs, images);
}

function ask() {
  if (!asked) requestAnimationFrame(flush);
  asked = true;
}

function note({ type, data }) {
  if (pending.length - taken >= MAX_PENDING) {
    pending = [["reset", "{}"]];
    taken = 0;
  }
  pending.push([type, data]);
  ask();
}

function open() {
  clearTimeout(reopenTimer);
  source?.close();
  source = new EventSource("/events");
  source.addEventListener("open", () => {
    attempts = 0;
    opening = true;
    answered();
    opening = false;
  });
  for (const type of ["reset", "job", "image"]) source.addEventListener(type, note);
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
  // However it looks: where packets were lost, the other side has given it up, and nobody says so here.
  onBack(() => {
    if (!opening && !document.hidden) open();
  });
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiddenTimer);
    if (document.hidden) hiddenTimer = setTimeout(close, HIDDEN_MS);
    else if (source === null) open();
  });
}
