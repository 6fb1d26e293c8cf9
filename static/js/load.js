// load.js - the panel that makes load: Poisson arrivals at the rate of the slider, and bursts. It sends
// no more than the deployment allows: sizes by its description, no faster than Retry-After says.

import { get, Outage, post, Refusal } from "./api.js";
import { isAway, onBack } from "./connection.js";
import { announce, byId, el, setAttribute, setText } from "./dom.js";
import { format } from "./format.js";
import { Arrivals } from "./poisson.js";

const TICK_MS = 100;
const SHOW_MS = 250;
const IN_FLIGHT = 4; // the stream of news and the panels need connections too
const WAITING_MAX = 500; // jobs to be sent; more are not made
const REFUSALS_SHOWN = 5;
const AWAY_MS = 1000;
const DEFAULT_RETRY_S = 2;

const arrivals = new Arrivals();
const counters = { accepted: 0, refused: 0, unsent: 0 };
let running = false;
let faulty = false; // the fields, while it runs
let waiting = []; // bodies to be sent
let inFlight = 0;
let heldUntil = 0;
let heldWhy = "";
let samples = [];
let limits = { maxImages: 100, maxSide: 4096, maxUrl: 2048 };
let deadlines = {};

// ---- what is sent

const numberIn = (id) => (byId(id).value === "" ? undefined : byId(id).valueAsNumber);

function ownAddresses() {
  return byId("load-urls").value.split("\n").map((line) => line.trim()).filter(Boolean);
}

function sources() {
  return byId("load-sources-own").checked
    ? ownAddresses()
    : samples.map((name) => new URL(`/static/samples/${encodeURIComponent(name)}`, location.href).href);
}

function body() {
  const from = sources();
  const first = Math.floor(Math.random() * from.length);
  const common = {
    width: numberIn("load-width"),
    height: numberIn("load-height"),
    fit: byId("load-fit").value,
    format: byId("load-format").value || undefined,
  };
  const deadline = numberIn("load-deadline");
  return {
    images: Array.from({ length: numberIn("load-images") },
      (_, i) => ({ input: from[(first + i) % from.length], ...common })),
    priority: byId("load-priority").value,
    metadata: deadline === undefined ? undefined : { deadline_s: deadline },
  };
}

// ---- what is wrong before it is sent

function wrongAddress() {
  const urls = ownAddresses();
  if (!urls.length) return "Paste at least one address, or take the sample images.";
  const bad = urls.findIndex((url) => !/^https?:\/\//i.test(url) || !URL.canParse(url));
  if (bad >= 0) return `Address ${bad + 1} is not one of http or https.`;
  const long = urls.findIndex((url) => new TextEncoder().encode(url).length > limits.maxUrl);
  return long >= 0 ? `Address ${long + 1} is over ${limits.maxUrl} bytes.` : "";
}

// Whether the fields hold what may be sent; the browser's own words for what does not are set.
function areFieldsGood() {
  const own = byId("load-sources-own").checked;
  byId("load-urls").setCustomValidity(own ? wrongAddress() : "");
  byId("load-sources-samples").setCustomValidity(
    own || samples.length ? "" : "This deployment has no sample images: paste addresses.");
  byId("load-width").setCustomValidity(
    numberIn("load-width") === undefined && numberIn("load-height") === undefined && !byId("load-width").validity.badInput
      ? "A width, a height or both are needed." : "");
  return byId("load-form").checkValidity();
}

// The same, and points at the first fault.
function checkFields() {
  if (areFieldsGood()) return true;
  // A fault in a closed part could not be pointed at.
  if (byId("load-more").querySelector(":invalid:not(fieldset)")) byId("load-more").open = true;
  return byId("load-form").reportValidity();
}

// ---- sending

function hold(seconds, why) {
  heldUntil = Math.max(heldUntil, Date.now() + seconds * 1000);
  heldWhy = why;
}

function showRefusal(error) {
  const list = byId("load-refusals");
  const now = Date.now();
  list.prepend(el("li", {},
    el("time", { datetime: new Date(now).toISOString(), title: format.exactTime(now) }, format.timeOfDay(now)),
    " ", el("strong", {}, `${error.status}`), ` ${error.text}`));
  while (list.children.length > REFUSALS_SHOWN) list.lastElementChild.remove();
  byId("load-refusals-block").hidden = false;
}

// What would be refused again is not sent again; what may come later waits for its time.
function onRefusal(error, job) {
  counters.refused++;
  showRefusal(error);
  if (error.status === 429 || error.status === 503) {
    hold(error.retryAfterS ?? DEFAULT_RETRY_S, error.status === 429 ? "too many requests" : "it cannot take jobs now");
    if (waiting.length < WAITING_MAX) waiting.push(job);
    return;
  }
  stop(`Stopped: the service refused a job. ${error.text}`);
}

async function send(job) {
  inFlight++;
  try {
    await post("/jobs", job);
    counters.accepted++;
  } catch (error) {
    if (error instanceof Refusal) onRefusal(error, job);
    else if (!(error instanceof Outage)) throw error;
    else {
      // It may have been saved or not: it is not sent twice.
      counters.unsent++;
      hold(AWAY_MS / 1000, "it does not answer");
    }
  } finally {
    inFlight--;
  }
}

function enqueue(n) {
  const room = Math.min(n, WAITING_MAX - waiting.length);
  for (let i = 0; i < room; i++) waiting.push(body());
  counters.unsent += n - room;
}

function pump() {
  while (waiting.length && inFlight < IN_FLIGHT && Date.now() >= heldUntil && !isAway()) send(waiting.shift()).finally(pump);
}

function tick() {
  if (running) {
    const n = arrivals.due(Date.now());
    if (n > 0) faulty = !areFieldsGood();
    if (isAway() || faulty) counters.unsent += n;
    else enqueue(n);
  }
  pump();
}

// ---- what is shown

function stateText() {
  const held = heldUntil - Date.now();
  if (isAway() && (running || waiting.length)) return "Waits: the service does not answer. Goes on when it is back.";
  if (held > 0 && (running || waiting.length)) return `Waits ${format.count(Math.ceil(held / 1000))} s: ${heldWhy}.`;
  if (running && faulty) return "Sends nothing: a field holds what this deployment does not take. Goes on when it is mended.";
  if (running) return `Sends about ${format.plural(arrivals.perMinute, "job")} a minute.`;
  if (waiting.length || inFlight) return "Sends what is left.";
  return byId("load-state").dataset.stopped || "Nothing is being sent.";
}

function show() {
  for (const name of Object.keys(counters)) setText(byId(`load-${name}`), format.count(counters[name]));
  setText(byId("load-pending"), format.count(waiting.length + inFlight));
  setText(byId("load-state"), stateText());
  setAttribute(byId("load"), "data-running", running);
  byId("load-start").disabled = running;
  byId("load-stop").disabled = !running && waiting.length === 0;
}

function showRate() {
  const rate = byId("load-rate").valueAsNumber;
  const images = numberIn("load-images") || 0;
  setText(byId("load-rate-value"), `${format.count(rate)} a minute`);
  setAttribute(byId("load-rate"), "aria-valuetext", `${format.plural(rate, "job")} a minute`);
  setText(byId("load-rate-images"), `about ${format.rate((rate * images) / 60)} images`.replace("/s images", " images a second"));
}

function showDeadline() {
  const own = deadlines[byId("load-priority").value];
  byId("load-deadline").placeholder = own ? `${own}` : "";
  setText(byId("load-deadline-help"), own
    ? `Seconds the meters count against; empty: ${format.seconds(own)}, the class's. guv scales by the class's.`
    : "Seconds the meters count against; empty: the class's. guv scales by the class's.");
}

// ---- the reader's commands

function start() {
  if (!checkFields()) return;
  running = true;
  faulty = false;
  delete byId("load-state").dataset.stopped;
  arrivals.setRate(byId("load-rate").valueAsNumber, Date.now());
  announce(`Load started: about ${arrivals.perMinute} jobs a minute.`);
  tick();
  show();
}

function stop(why = "") {
  running = false;
  counters.unsent += waiting.length;
  waiting = [];
  byId("load-state").dataset.stopped = why;
  announce(why || "Load stopped.");
  show();
}

function burst(n) {
  if (!checkFields()) return;
  delete byId("load-state").dataset.stopped;
  enqueue(n);
  announce(`Sending ${format.plural(n, "job")}.`);
  tick();
  show();
}

function onSources() {
  byId("load-urls-field").hidden = !byId("load-sources-own").checked;
  byId("load-urls").setCustomValidity("");
}

// ---- what the deployment allows

function takeLimits(description) {
  const schemas = description.components?.schemas ?? {};
  const image = schemas.ImageRequest?.properties ?? {};
  limits = {
    maxImages: schemas.JobRequest?.properties?.images?.maxItems ?? limits.maxImages,
    maxSide: image.width?.maximum ?? limits.maxSide,
    maxUrl: image.input?.maxLength ?? limits.maxUrl,
  };
  const formats = image.format?.enum;
  if (Array.isArray(formats)) {
    const first = byId("load-format").firstElementChild;
    byId("load-format").replaceChildren(first, ...formats.map((name) => el("option", {}, String(name))));
  }
  byId("load-images").max = limits.maxImages;
  byId("load-width").max = byId("load-height").max = limits.maxSide;
  setText(byId("load-images-help"), `1 to ${format.count(limits.maxImages)}`);
  setText(byId("load-size-help"), `Pixels, at most ${format.count(limits.maxSide)}; one may be left out.`);
}

async function learn() {
  const [description, names] = await Promise.all([get("/openapi.json"), get("/static/samples/index.json")]);
  takeLimits(description);
  samples = Array.isArray(names) ? names.map(String) : [];
  setText(byId("load-samples-label"), samples.length ? `Sample images (${samples.length})` : "Sample images (none here)");
}

// For the deadlines that /graph tells.
export function onGraph({ deadlineBy }) {
  deadlines = deadlineBy;
  showDeadline();
}

export function startLoad() {
  const relearn = () => learn().catch(() => {}); // the defaults hold until the service is back
  byId("load-form").addEventListener("submit", (event) => {
    event.preventDefault();
    start();
  });
  byId("load-stop").addEventListener("click", () => stop());
  byId("load-one").addEventListener("click", () => burst(1));
  byId("load-burst").addEventListener("click", () => {
    if (byId("load-burst-size").reportValidity()) burst(byId("load-burst-size").valueAsNumber);
  });
  byId("load-rate").addEventListener("input", () => {
    showRate();
    if (running) arrivals.setRate(byId("load-rate").valueAsNumber, Date.now());
  });
  byId("load-images").addEventListener("input", showRate);
  byId("load-priority").addEventListener("change", showDeadline);
  for (const id of ["load-sources-samples", "load-sources-own"]) byId(id).addEventListener("change", onSources);
  for (const id of ["load-urls", "load-width", "load-height"])
    byId(id).addEventListener("input", () => {
      byId("load-urls").setCustomValidity("");
      byId("load-width").setCustomValidity("");
    });
  onSources();
  showRate();
  showDeadline();
  show();
  relearn();
  onBack(relearn);
  setInterval(tick, TICK_MS);
  setInterval(show, SHOW_MS);
}
