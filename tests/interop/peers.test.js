// Our participants with the npm packages msgflo and msgflo-nodejs, which know nothing of them: on a
// broker as it comes, and on a virtual host whose default queue type is quorum.
'use strict';
const assert = require('node:assert');
const { describe, it, before, after } = require('node:test');
const msgflo = require('msgflo-nodejs');
const { System, until } = require('./system.js');

// A participant in Node.js. act(port, data, send): send(outport, data) or send(undefined, error).
function participant(broker, role, definition, act) {
  const client = msgflo.transport.getClient(broker);
  const p = new msgflo.participant.Participant(client, definition, (port, data, callback) => {
    act(port, data, (outport, result) => callback(outport, null, result));
  }, role);
  return new Promise((resolve, reject) => p.start((error) => (error ? reject(error) : resolve(p))));
}

const port = (id) => ({ id, type: 'object' });

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

for (const kind of ['classic', 'quorum']) {
  describe(`on ${kind} queues`, { timeout: 240000 }, () => {
    let system;
    const started = [];
    before(() => { system = new System([...(kind === 'quorum' ? ['quorum'] : []), 'MSGFLO_DISCOVERY_PERIOD=2']); });
    after(async () => {
      for (const p of started) await new Promise((resolve) => p.stop(resolve));
      system.remove();
    });

    it('their discovery sees our participants', async () => {
      const broker = msgflo.transport.getBroker(system.broker);
      const seen = new Map();
      await new Promise((resolve, reject) => broker.connect((e) => (e ? reject(e) : resolve())));
      broker.subscribeParticipantChange((message) => {
        seen.set(message.data.payload.role, message.data);
        broker.ackMessage(message);
      });
      await until(() => seen.size >= 4, 'all four roles', 20000);
      await new Promise((resolve) => broker.disconnect(resolve));
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

    it('their msgflo-setup binds our graph as ours does', async () => {
      const lines = (text) => text.split('\n').filter((l) => /^(PUBSUB|ROUNDROBIN|DEADLETTER)/.test(l))
        .map((l) => l.replace(/\s+/g, ' ').trim()).sort();
      const theirs = lines(system.run('msgflo-setup', [system.graph, '--broker', system.broker]));
      const ours = lines(system.run('msgflo', ['setup', system.graph, '--broker', system.broker]));
      assert.ok(theirs.length > 0);
      for (const line of theirs) assert.ok(ours.includes(line), `${line} is not among ours:\n${ours.join('\n')}`);
      const job = await system.post([{ input: system.source('baseline.jpg'), width: 10 }]);
      assert.strictEqual((await system.end(job)).status, 'completed');
    });

    it('a participant of theirs receives from ours', async () => {
      const got = [];
      started.push(await participant(system.broker, 'watch',
        { component: 'test/Watch', icon: 'eye', label: '', inports: [port('in')], outports: [port('out')] },
        (inport, data, send) => { got.push(data); send('out', {}); }));
      const broker = msgflo.transport.getBroker(system.broker);
      await new Promise((resolve, reject) => broker.connect((e) => (e ? reject(e) : resolve())));
      await new Promise((resolve, reject) => broker.addBinding(
        { type: 'pubsub', src: 'store.OUT', tgt: 'watch.IN' }, (e) => (e ? reject(e) : resolve())));
      const job = await system.post([{ input: system.source('baseline.jpg'), width: 11 }]);
      const ended = await until(() => got.find((m) => JSON.stringify(m).includes(job.id)), 'the ended job');
      assert.ok(ended);
      await new Promise((resolve) => broker.disconnect(resolve));
    });

    it('a Node.js worker takes the place of ours', async () => {
      const seen = [];
      await system.scale('resize', 0);
      const worker = await participant(system.broker, 'resize',
        { component: 'imageresize/ResizeImage', icon: 'compress', label: '',
          inports: [port('in')], outports: [port('out'), port('error')] }, standIn(seen));
      const job = await system.post([
        { input: system.source('baseline.jpg'), width: 12, ref: 'good' },
        { input: 'http://example.org/fail', width: 12, ref: 'bad' }]);
      const end = await system.end(job);
      await new Promise((resolve) => worker.stop(resolve));
      assert.strictEqual(end.status, 'failed');
      assert.strictEqual(end.images[0].status, 'completed');
      assert.strictEqual(end.images[0].result.output, 'http://stand-in.example/1.jpg');
      assert.ok(end.images[0].started_at && end.images[0].completed_at);
      assert.strictEqual(end.images[1].status, 'failed');
      assert.strictEqual(end.images[1].error.code, 'internal');
      assert.strictEqual(end.images[1].error.retryable, false);
      assert.strictEqual(seen[0].job, job.id);
      assert.strictEqual(seen[0].attempt, 1);
      assert.strictEqual(seen[0].payload.width, 12);
    });

    it('a message of theirs is worked on by ours', async () => {
      await system.scale('resize', 1);
      const got = [];
      started.push(await participant(system.broker, 'result',
        { component: 'test/Result', icon: 'eye', label: '', inports: [port('in')], outports: [] },
        (inport, data) => { got.push(data); }));
      const broker = msgflo.transport.getBroker(system.broker);
      await new Promise((resolve, reject) => broker.connect((e) => (e ? reject(e) : resolve())));
      await new Promise((resolve, reject) => broker.addBinding(
        { type: 'pubsub', src: 'resize.OUT', tgt: 'result.IN' }, (e) => (e ? reject(e) : resolve())));
      await new Promise((resolve) => broker.disconnect(resolve));
      const id = '01920000-0000-7000-8000-000000000001';
      system.run('msgflo-send-message', ['--broker', system.broker, '--queue', 'resize.IN', '--json',
        JSON.stringify({ job: id, payload: { id, input: system.source('baseline.jpg'), width: 13 }, created_at: new Date().toISOString() })]);
      const done = await until(() => got.find((m) => m.job === id), 'the result');
      assert.strictEqual(done.payload.width, 13);
      assert.strictEqual(done.result.width, 13);
      assert.ok(done.started_at && done.completed_at);
    });
  });
}
