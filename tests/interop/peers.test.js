// Our participants with the npm packages msgflo and msgflo-nodejs, which know nothing of them: on a
// broker as it comes, and on a virtual host whose default queue type is quorum.
'use strict';
const assert = require('node:assert');
const { describe, it, before, after } = require('node:test');
const msgflo = require('msgflo-nodejs');
const { System, until } = require('./system.js');

// done: what a callback-taking function of theirs came to.
function done(call) {
  return new Promise((resolve, reject) => call((e, result) => (e ? reject(e) : resolve(result))));
}

const port = (id) => ({ id, type: 'object' });

// Calls use(a participant in Node.js that was started). act(port, data, send): send(outport, data).
async function participant(broker, role, inports, outports, act, use) {
  const definition = { component: 'test/Peer', icon: 'eye', label: '', inports: inports.map(port),
    outports: outports.map(port) };
  const p = new msgflo.participant.Participant(msgflo.transport.getClient(broker.url), definition,
    (inport, data, callback) => act(inport, data, (outport, result) => callback(outport, null, result)), role);
  // It announces itself by a timer that its stop() leaves running, to throw and to keep us alive.
  const { setInterval } = globalThis;
  const timers = [];
  globalThis.setInterval = (...args) => {
    timers.push(setInterval(...args));
    return timers.at(-1);
  };
  try {
    await done((callback) => p.start(callback));
    globalThis.setInterval = setInterval;
    await use(p);
  } finally {
    globalThis.setInterval = setInterval;
    timers.forEach(clearInterval);
    await done((callback) => p.stop(callback));
  }
}

// Calls use(their broker), connected.
async function theirBroker(broker, use) {
  const theirs = msgflo.transport.getBroker(broker.url);
  await done((callback) => theirs.connect(callback));
  try {
    await use(theirs);
  } finally {
    await done((callback) => theirs.disconnect(callback));
  }
}

// What a resize worker of the system before this one does: no STARTED, no `retryable`.
function standIn(seen) {
  return (inport, message, send) => {
    seen.push(message);
    const at = new Date().toISOString();
    if (message.payload.input.endsWith('fail')) {
      send('error', { ...message, started_at: at, failed_at: at, error: { message: 'stand-in says no' } });
    } else {
      send('out', { ...message, started_at: at, completed_at: at, result: { output: 'http://stand-in.example/1.jpg' } });
    }
  };
}

const system = new System();
after(() => system.remove());

for (const kind of ['classic', 'quorum']) {
  describe(`on ${kind} queues`, () => {
    const { graph } = system;
    let broker;
    before(() => {
      system.start([...(kind === 'quorum' ? ['quorum'] : []), 'MSGFLO_DISCOVERY_PERIOD=2']);
      broker = system.broker;
    });

    it('their discovery sees our participants', async () => {
      const seen = new Map();
      await theirBroker(broker, async (theirs) => {
        theirs.subscribeParticipantChange((message) => {
          seen.set(message.data.payload.role, message.data);
          theirs.ackMessage(message);
        });
        await until(() => seen.size >= 4, 'all four roles');
      });
      assert.deepStrictEqual([...seen.keys()].sort(), ['bulk', 'resize', 'store', 'web']);
      const resize = seen.get('resize');
      assert.deepStrictEqual(Object.keys(resize).sort(), ['command', 'payload', 'protocol']);
      assert.deepStrictEqual(Object.keys(resize.payload).sort(),
        ['component', 'icon', 'id', 'inports', 'label', 'outports', 'role']);
      assert.strictEqual(resize.payload.component, 'imageresize/ResizeImage');
      assert.deepStrictEqual(resize.payload.inports.map((p) => p.queue), ['resize.IN']);
      assert.deepStrictEqual(resize.payload.outports.map((p) => p.queue).sort(),
        ['resize.ERROR', 'resize.OUT', 'resize.STARTED']);
      assert.deepStrictEqual(seen.get('web').payload.inports, []);
    });

    it(`all queues of ours are ${kind} queues`, async () => {
      assert.deepStrictEqual(await broker.queueTypes(),
        { 'bulk.IN': kind, fbp: kind, 'resize.IN': kind, 'store.DEAD': kind, 'store.IN': kind });
    });

    it('their msgflo-setup binds our graph as ours does', async () => {
      const lines = (text) => [...text.matchAll(/(PUBSUB|ROUNDROBIN|DEADLETTER):\s+(\S+ -> \S+)/g)]
        .map((m) => `${m[1]} ${m[2]}`).sort();
      const ours = lines(system.run('msgflo', 'setup', graph));
      const bound = await broker.bindings();
      const own = bound.filter((b) => /^(\S+) -> queue \1$/.test(b)); // of ports, which participants make
      await broker.unbindAll();
      for (const b of own) await broker.bind(...b.split(' -> queue '));
      assert.deepStrictEqual(lines(system.run('msgflo-setup', graph, '--broker', broker.url)), ours);
      assert.deepStrictEqual(await broker.bindings(), bound);
      const job = await system.post([{ input: system.source('baseline.jpg'), width: 10 }]);
      assert.strictEqual((await system.end(job)).status, 'completed');
    });

    it('a participant of theirs sends to ours and receives from them', async () => {
      const bindings = [['peer.OUT', 'resize.IN'], ['resize.OUT', 'peer.IN'], ['store.OUT', 'peer.IN']];
      const id = '01920000-0000-7000-8000-000000000001';
      const got = [];
      const act = (inport, data, send) => {
        got.push(data);
        send('seen', {}); // without a result it would not ack
      };
      await participant(broker, 'peer', ['in'], ['out', 'seen'], act, async (peer) => {
        await theirBroker(broker, async (theirs) => {
          for (const [src, tgt] of bindings) {
            await done((callback) => theirs.addBinding({ type: 'pubsub', src, tgt }, callback));
          }
        });
        const task = { job: id, payload: { id, input: system.source('baseline.jpg'), width: 13 },
          created_at: new Date().toISOString() };
        await done((callback) => peer.onResult('out', task, callback));
        const result = await until(() => got.find((m) => m.job === id), 'the result');
        assert.strictEqual(result.payload.width, 13);
        assert.strictEqual(result.result.width, 13);
        assert.ok(result.started_at && result.completed_at);

        const job = await system.post([{ input: system.source('baseline.jpg'), width: 11 }]);
        const ended = await until(() => got.find((m) => m.id === job.id), 'the ended job');
        assert.strictEqual(ended.status, 'completed');
      });
    });

    it('a Node.js worker takes the place of ours', async () => {
      const seen = [];
      let job;
      let end;
      await system.scale('resize', 0);
      await participant(broker, 'resize', ['in'], ['out', 'error'], standIn(seen), async () => {
        job = await system.post([
          { input: system.source('baseline.jpg'), width: 12, ref: 'good' },
          { input: 'http://example.org/fail', width: 12, ref: 'bad' }]);
        end = await system.end(job);
      });
      assert.strictEqual(end.status, 'failed');
      assert.strictEqual(end.images[0].status, 'completed');
      assert.strictEqual(end.images[0].result.output, 'http://stand-in.example/1.jpg');
      assert.ok(end.images[0].started_at && end.images[0].completed_at);
      assert.strictEqual(end.images[1].status, 'failed');
      assert.strictEqual(end.images[1].error.code, 'internal');
      assert.strictEqual(end.images[1].error.retryable, false);
      assert.deepStrictEqual(seen.map((m) => [m.job, m.attempt, m.payload.width]),
        [[job.id, 1, 12], [job.id, 1, 12]]);
    });

    it('ours takes its place back', async () => {
      await system.scale('resize', 1);
      const job = await system.post([{ input: system.source('baseline.jpg'), width: 14 }]);
      assert.strictEqual((await system.end(job)).images[0].result.width, 14);
    });

    // npm's own msgflo-send-message cannot be run: its bin/ asks for a file that the package has elsewhere.
    it('their msgflo-dump-message reads what our msgflo send sends', async () => {
      const message = { text: 'ä"\\', list: [1, null, true], deep: { number: 0.5 } };
      await broker.declareQueue('tools');
      system.run('msgflo', 'send', '--queue', 'tools', '--json', JSON.stringify(message));
      const text = system.run('msgflo-dump-message', '--broker', broker.url, '--queue', 'tools');
      assert.deepStrictEqual(JSON.parse(text), message);
    });
  });
}
