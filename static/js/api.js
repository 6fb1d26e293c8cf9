// api.js - requests to this deployment's own API, and asking again and again. Knows its problem
// documents, Retry-After, and what is a refusal and what an outage.

import { answered, isAway, notAnswered, onBack } from "./connection.js";

const TIMEOUT_MS = 12000;
const LONGEST_WAIT_MS = 15000;
const FAULTS_SHOWN = 8;

// The service has answered, with no.
export class Refusal extends Error {
  constructor(status, problem, retryAfterS) {
    super(typeof problem.title === "string" ? problem.title : `The service answered ${status}`);
    this.status = status;
    this.detail = typeof problem.detail === "string" ? problem.detail : "";
    this.faults = faultsOf(problem);
    this.parameters = errorsOf(problem).map((e) => e?.parameter).filter(Boolean); // at fault
    this.retryAfterS = retryAfterS;
  }

  // All of it in one sentence or two.
  get text() {
    const rest = this.faults.length ? this.faults.join("; ") : this.detail;
    return rest && rest !== this.message ? `${this.message}: ${rest}` : this.message;
  }
}

// Nobody has answered.
export class Outage extends Error {
  constructor() {
    super("The service does not answer");
    this.text = this.message;
  }
}

// "/images/2/width" to "image 3, width".
export function placeOf(pointer) {
  const [, list, index, ...rest] = String(pointer).split("/");
  if (list !== "images" || index === undefined) return String(pointer).slice(1) || "the request";
  return [`image ${Number(index) + 1}`, ...rest].join(", ");
}

const errorsOf = (problem) => (Array.isArray(problem.errors) ? problem.errors : []);

function faultsOf(problem) {
  const errors = errorsOf(problem);
  const shown = errors.slice(0, FAULTS_SHOWN).map((e) => `${placeOf(e?.pointer ?? "")}: ${e?.detail ?? ""}`);
  if (errors.length > FAULTS_SHOWN) shown.push(`and ${errors.length - FAULTS_SHOWN} more`);
  return shown;
}

// Retry-After in seconds or as a date (RFC 9110, 10.2.3), as seconds from now; null where absent.
export function retryAfterOf(text, now = Date.now()) {
  if (text === null || text === undefined || text.trim() === "") return null;
  if (/^\d+$/.test(text.trim())) return Number(text);
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.max(0, (at - now) / 1000);
}

// A router before the service answers for it when it is away, and in another form.
const isOutage = (response) =>
  response.status >= 502 && response.status <= 504 &&
  !(response.headers.get("Content-Type") ?? "").includes("json");

async function ask(path, options) {
  try {
    const response = await fetch(path, {
      ...options, cache: "no-store", credentials: "same-origin", signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const body = isOutage(response) ? null : await response.text();
    return { response, body };
  } catch {
    return { response: null, body: null };
  }
}

function parsed(body) {
  try {
    return JSON.parse(body) ?? {};
  } catch {
    return {};
  }
}

// body: sent as JSON with POST. Returns what the answer holds; throws Refusal or Outage.
export async function request(path, body) {
  const { response, body: text } = await ask(path, body === undefined ? {} : {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  if (text === null) {
    notAnswered();
    throw new Outage();
  }
  answered();
  if (response.ok) return parsed(text);
  throw new Refusal(response.status, parsed(text), retryAfterOf(response.headers.get("Retry-After")));
}

export const get = (path) => request(path);
export const post = (path, body = {}) => request(path, body);

// Runs an async task now and then periodMs after it has ended; later and later while it fails, not at
// all while nobody sees the page, and at once when that or the service is back. Returns a function that
// runs it now; its member `first` is settled after the first run.
export function poll(task, periodMs) {
  let timer = null;
  let running = false;
  let failures = 0;

  async function run() {
    clearTimeout(timer);
    if (running || document.hidden) return;
    running = true;
    let wait = periodMs;
    try {
      await task();
      failures = 0;
    } catch (error) {
      failures++;
      const asked = 1000 * (error.retryAfterS ?? 0);
      wait = Math.max(asked, Math.min(periodMs * 1.5 ** failures, isAway() ? 5000 : LONGEST_WAIT_MS));
    }
    running = false;
    timer = setTimeout(run, wait * (0.9 + 0.2 * Math.random()));
  }

  document.addEventListener("visibilitychange", run);
  onBack(run);
  return Object.assign(run, { first: run() });
}
