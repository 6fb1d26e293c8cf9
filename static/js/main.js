// main.js - wires the panels to what is read. Each panel is a module of its own and knows no other.

import { get, poll } from "./api.js";
import { setServerTime } from "./connection.js";
import * as demo from "./demo.js";
import { listen } from "./events.js";
import { timeOf } from "./format.js";
import { readGraph } from "./graph.js";
import * as jobs from "./jobs.js";
import * as load from "./load.js";
import { learnPolicy } from "./policy.js";
import * as system from "./system.js";
import * as time from "./time.js";

const GRAPH_MS = 3000;
const STATS_MS = 5000;
const PATIENCE_MS = 1500;

async function readGraphNow() {
  try {
    const graph = readGraph(await get("/graph"));
    if (timeOf(graph.at) !== null) setServerTime(timeOf(graph.at));
    for (const panel of [load, jobs, system, time, demo]) panel.onGraph(graph);
  } catch (error) {
    system.onGraphError(error);
    throw error;
  }
}

// Shown once there is something to show, so that nothing is seen to jump.
function showWhen(reads) {
  const show = () => (document.querySelector("main").dataset.ready = "");
  Promise.allSettled(reads).then(show);
  setTimeout(show, PATIENCE_MS);
}

for (const origin of document.querySelectorAll(".origin")) origin.textContent = location.origin;
await learnPolicy();
load.startLoad();
jobs.startJobs();
time.startTime();
demo.startDemo();
const askGraph = poll(readGraphNow, GRAPH_MS);
const askStats = poll(time.readStats, STATS_MS);
showWhen([askGraph.first, askStats.first, jobs.reloadJobs()]);
listen(() => {
  jobs.reloadJobs();
  askGraph();
  askStats();
}, jobs.onJobNews, askGraph);
