// connection.js - whether the service answers, as all requests of this page together have found, and
// its clock. The banner that tells the reader is here and nowhere else.

import { byId, setAttribute, setText } from "./dom.js";
import { format } from "./format.js";

let away = null; // since when, on this browser's clock
let heard = null; // when it has answered last
let offsetMs = null; // what its clock is ahead of ours
const backListeners = [];

const WORDS = { connecting: "Connecting", live: "Live", away: "Not reachable" };

function show(state) {
  const pill = byId("connection");
  if (pill.dataset.state === state) return;
  pill.dataset.state = state;
  setText(byId("connection-word"), WORDS[state]);
}

// fn is called each time the service is back after it was away.
export function onBack(fn) {
  backListeners.push(fn);
}

export const isAway = () => away !== null;

export function answered() {
  const wasAway = away !== null;
  heard = Date.now();
  away = null;
  show("live");
  if (!wasAway) return;
  byId("banner").hidden = true;
  for (const fn of backListeners) fn();
}

export function notAnswered() {
  if (away === null) away = Date.now();
  show("away");
  setText(byId("banner-text"), heard === null
    ? "The service does not answer. This page tries again by itself; you need not reload it."
    : `The service does not answer. What you see is as of ${format.timeOfDay(heard)}. ` +
      "This page tries again by itself; you need not reload it.");
  setAttribute(byId("banner-text"), "title", heard === null ? null : format.exactTime(heard));
  byId("banner").hidden = false;
}

// at: what its clock says now. Only a real difference moves ours, for each answer takes a while.
export function setServerTime(at) {
  const offset = at - Date.now();
  if (offsetMs === null || Math.abs(offset - offsetMs) > 2000) offsetMs = offset;
}

// What time it is there, by which ages and deadlines of jobs are told.
export const serverNow = () => Date.now() + (offsetMs ?? 0);
