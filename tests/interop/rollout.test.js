// bin/deploy, as a push runs it, while jobs flow: one edge of the graph is moved to another worker and
// moved back, and at no moment a message has nowhere to go.
'use strict';
const assert = require('node:assert');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { after, before, describe, it } = require('node:test');
const { System, until } = require('./system.js');

const from = 'out-web.RESIZEIMAGE -> queue resize.IN';
const to = 'out-web.RESIZEIMAGE -> queue bulk.IN';
const dead = 'dead-resize.IN -> queue store.DEAD'; // goes with the round robin's edge to resize

// Of the graph's text: interactive images go to the role bulk.
function rerouted(text) {
  const edge = 'interactive OUT -> IN resize(imageresize/ResizeImage)';
  assert.ok(text.includes(edge));
  return text.replace(edge, 'resize(imageresize/ResizeImage)\ninteractive OUT -> IN bulk');
}

describe('bin/deploy of a graph with another edge', () => {
  let system;
  let graph; // that of the app, which a push would change
  let first; // its bindings before

  before(async () => {
    system = new System();
    system.start([]);
    graph = path.join(system.dir, 'app/graphs/imageresize.fbp');
    first = await system.broker.bindings();
  });
  after(() => system.remove());

  // Runs it on that graph; resolves to every list of bindings that was seen meanwhile.
  async function deploy(text) {
    fs.writeFileSync(graph, text);
    const child = spawn(path.join(system.dir, 'app/bin/deploy'), { env: { ...process.env, ...system.env } });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => { said += data; });
    const status = new Promise((resolve) => child.on('close', resolve));
    const seen = [];
    let ended = false;
    status.then(() => { ended = true; });
    while (!ended) seen.push(await system.broker.bindings());
    assert.strictEqual(await status, 0, said);
    return { seen, said };
  }

  // Posts jobs, one after the other, until told to stop: function () -> all that were taken.
  function load() {
    const jobs = [];
    let going = true;
    const images = Array(20).fill({ input: system.source('baseline.jpg'), width: 10 });
    const posting = (async () => {
      while (going) jobs.push(await system.post(images));
    })();
    return async () => {
      going = false;
      await posting;
      return jobs;
    };
  }

  const log = () => fs.readFileSync(path.join(system.dir, 'formation.log'), 'utf8').split('\n');

  it('keeps each edge that stays, moves the other without a gap, and moves it back', async () => {
    const v1 = fs.readFileSync(graph, 'utf8');
    const kept = first.filter((b) => b !== from && b !== dead);
    const second = [...kept, to].sort();
    const stop = load();
    for (let round = 0; round < 2; round++) {
      for (const [text, wanted, gone] of [[rerouted(v1), second, from], [v1, first, to]]) {
        const { seen, said } = await deploy(text);
        assert.ok(seen.length > 2, `the bindings were looked at ${seen.length} times`);
        for (const bindings of seen) {
          assert.deepStrictEqual(kept.filter((b) => !bindings.includes(b)), []);
          assert.ok(bindings.includes(from) || bindings.includes(to), 'nowhere to go');
        }
        assert.deepStrictEqual(await system.broker.bindings(), wanted);
        assert.ok(said.includes(`REMOVED:\t ${gone.replace('queue ', '')}`), said);
      }
    }
    const jobs = await stop();
    assert.ok(jobs.length > 10, `${jobs.length} jobs were posted`);
    for (const job of jobs) assert.strictEqual((await system.end(job)).status, 'completed');
    assert.deepStrictEqual(log().filter((line) => /event=(messages|report)_not_taken/.test(line)), []);
  });

  it('sends what comes after it by the new edge alone', async () => {
    await deploy(rerouted(fs.readFileSync(graph, 'utf8')));
    const job = await system.post(Array(20).fill({ input: system.source('baseline.jpg'), width: 10 }));
    assert.strictEqual((await system.end(job)).status, 'completed');
    const roles = () => log().filter((line) => line.includes('event=image_done') && line.includes(`job=${job.id}`))
      .map((line) => /role=(\w+)/.exec(line)[1]);
    await until(() => roles().length >= 20, 'the lines of 20 images'); // written once they have ended
    assert.deepStrictEqual(roles(), Array(20).fill('bulk'));
  });
});
