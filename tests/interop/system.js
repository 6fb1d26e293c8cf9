// The whole system on this machine, as tests/support/system starts it, for one test file.
'use strict';
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Broker, build, root } = require('./broker.js');

const script = path.join(root, 'tests/support/system');

class System {
  constructor() {
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'imageresize-interop-'));
    this.graph = path.join(root, 'graphs/imageresize.fbp');
  }

  // Starts it, or starts it again on the same services. words: as the script takes them, such as
  // 'quorum' or 'resize=0'
  start(words) {
    execFileSync(script, ['rest', this.dir], { stdio: 'inherit' });
    execFileSync(script, ['start', this.dir, build, ...words], { stdio: ['ignore', 'inherit', 'inherit'] });
    this.env = Object.fromEntries(fs.readFileSync(path.join(this.dir, 'env'), 'utf8').trim().split('\n')
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
    this.broker = new Broker(this.env.MSGFLO_BROKER, this.env.MSGFLO_MANAGEMENT_URL);
  }

  remove() {
    execFileSync(script, ['remove', this.dir], { stdio: 'inherit' });
  }

  // Runs a program of the npm packages, or ours; returns what it printed.
  run(program, ...args) {
    const theirs = path.join(__dirname, 'node_modules/.bin', program);
    const ours = path.join(this.dir, 'app/dist/bin', program);
    return execFileSync(program === 'msgflo' || !fs.existsSync(theirs) ? ours : theirs, args,
      { encoding: 'utf8', env: { ...process.env, ...this.env }, timeout: 60000, cwd: path.join(this.dir, 'app') });
  }

  async scale(type, quantity) {
    const formation = this.env.IMAGERESIZE_TEST_FORMATION;
    const headers = { Accept: 'application/vnd.heroku+json; version=3', 'Content-Type': 'application/json' };
    const answer = await fetch(`${formation}/formation/${type}`,
      { method: 'PATCH', headers, body: JSON.stringify({ quantity }) });
    if (answer.status !== 200) throw new Error(`formation answers ${answer.status}`);
    await until(async () => {
      const dynos = await (await fetch(`${formation}/dynos`, { headers })).json();
      return dynos.filter((d) => d.type === type && d.pid).length === quantity;
    }, `${quantity} of ${type}`);
  }

  source(name) {
    return `${this.env.IMAGERESIZE_TEST_SOURCES}/${name}`;
  }

  async post(images) {
    const answer = await fetch(`${this.env.IMAGERESIZE_TEST_TARGET}/jobs`,
      { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ images }) });
    if (answer.status !== 202) throw new Error(`POST /jobs: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  async end(job) {
    return until(async () => {
      const answer = await fetch(`${this.env.IMAGERESIZE_TEST_TARGET}/jobs/${job.id}`, { headers: { Prefer: 'wait=5' } });
      const now = await answer.json();
      return now.completed_at || now.failed_at ? now : undefined;
    }, `the end of job ${job.id}`);
  }
}

// Asks until there is an answer; fails with the name of what did not come.
async function until(ask, what, ms = 60000) {
  const deadline = Date.now() + ms;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > deadline) throw new Error(`${what} did not come in ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

module.exports = { System, until };
