// `msgflo setup` on a real broker: what is there after it, what it says, and how it fails.
'use strict';
const assert = require('node:assert');
const { spawnSync } = require('node:child_process');
const net = require('node:net');
const path = require('node:path');
const { describe, it, before, after } = require('node:test');
const { ScratchBroker, build, root } = require('./broker.js');

const graph = path.join(root, 'graphs/imageresize.fbp');

const wanted = [
  'bulk.ERROR -> queue store.IN',
  'bulk.IN -> queue bulk.IN',
  'bulk.OUT -> queue store.IN',
  'bulk.STARTED -> queue store.IN',
  'dead-bulk.IN -> queue store.DEAD',
  'dead-resize.IN -> queue store.DEAD',
  'out-web.RESIZEBULK -> queue bulk.IN',
  'out-web.RESIZEIMAGE -> queue resize.IN',
  'resize.ERROR -> queue store.IN',
  'resize.IN -> queue resize.IN',
  'resize.OUT -> queue store.IN',
  'resize.STARTED -> queue store.IN',
  'store.DEAD -> queue store.DEAD',
  'store.IN -> queue store.IN',
  'web.RESIZEBULK -> exchange out-web.RESIZEBULK',
  'web.RESIZEIMAGE -> exchange out-web.RESIZEIMAGE',
];

const printed = `Set up participants []
Set up bindings:
 PUBSUB: \t resize.STARTED -> store.IN
PUBSUB: \t resize.OUT -> store.IN
PUBSUB: \t resize.ERROR -> store.IN
PUBSUB: \t bulk.STARTED -> store.IN
PUBSUB: \t bulk.OUT -> store.IN
PUBSUB: \t bulk.ERROR -> store.IN
DEADLETTER:\t resize.IN -> store.DEAD
ROUNDROBIN:\t web.RESIZEIMAGE -> resize.IN
DEADLETTER:\t bulk.IN -> store.DEAD
ROUNDROBIN:\t web.RESIZEBULK -> bulk.IN
`;

// Runs the tool: { status, stdout, stderr }. One that hangs fails the test, by its null status.
function msgflo(...args) {
  return spawnSync(path.join(build, 'msgflo/tool/msgflo'), args, { encoding: 'utf8', timeout: 60000 });
}

function setUp(broker, ...args) {
  const ran = msgflo('setup', graph, '--broker', broker.url, '--management', broker.management, ...args);
  assert.strictEqual(ran.status, 0, ran.stderr);
  return ran;
}

// Bindings that a former graph may have left among its roles, and others that are no business of it.
async function leaveBindings(broker) {
  for (const exchange of ['web.OLD', 'watch.OUT']) await broker.declareExchange(exchange);
  await broker.declareExchange('out-web.OLD', 'direct');
  for (const queue of ['store.OLD', 'watch.IN']) await broker.declareQueue(queue);
  await broker.bind('resize.OUT', 'bulk.IN');
  await broker.bind('resize.OUT', 'store.DEAD');
  await broker.bind('web.OLD', 'store.IN');
  await broker.bind('out-web.OLD', 'resize.IN');
  await broker.bind('bulk.ERROR', 'store.OLD');
  await broker.bind('resize.OUT', 'watch.IN');
  await broker.bind('watch.OUT', 'resize.IN');
  await broker.bind('out-web.RESIZEIMAGE', 'bulk.IN', 'key');
}

const staleOfNamedPorts = ['resize.OUT -> queue bulk.IN', 'resize.OUT -> queue store.DEAD'];
const staleOfOtherPorts = ['bulk.ERROR -> queue store.OLD', 'out-web.OLD -> queue resize.IN',
  'web.OLD -> queue store.IN'];
const foreign = ['out-web.RESIZEIMAGE -> queue bulk.IN by key', 'resize.OUT -> queue watch.IN',
  'watch.OUT -> queue resize.IN'];

describe('msgflo setup', () => {
  let server;
  before(() => { server = new ScratchBroker(); });
  after(() => server && server.remove());

  for (const kind of ['classic', 'quorum']) {
    it(`binds the graph before any participant is there, on ${kind} queues`, async () => {
      const broker = server.vhost(`first-${kind}`, kind);
      assert.deepStrictEqual(setUp(broker).stdout, printed);
      assert.deepStrictEqual(await broker.bindings(), wanted);
      assert.deepStrictEqual(await broker.queueTypes(),
        { 'bulk.IN': kind, 'resize.IN': kind, 'store.DEAD': kind, 'store.IN': kind });
    });

    it(`changes nothing when it is run again, on ${kind} queues`, async () => {
      const broker = server.vhost(`again-${kind}`, kind);
      for (let i = 0; i < 3; i++) {
        const ran = setUp(broker);
        assert.strictEqual(ran.stdout, printed);
        assert.strictEqual(ran.stderr, '');
        assert.deepStrictEqual(await broker.bindings(), wanted);
      }
    });
  }

  it('does the same for the graph in JSON', async () => {
    const broker = server.vhost('json');
    const json = path.join(server.dir, 'graph.json');
    assert.strictEqual(msgflo('graph', graph, '--format', 'json', '-o', json).status, 0);
    const ran = msgflo('setup', json, '--broker', broker.url);
    assert.strictEqual(ran.status, 0, ran.stderr);
    assert.strictEqual(ran.stdout, printed);
    assert.deepStrictEqual(await broker.bindings(), wanted);
  });

  it('removes no binding without --prune', async () => {
    const broker = server.vhost('unpruned');
    setUp(broker);
    await leaveBindings(broker);
    assert.strictEqual(setUp(broker).stdout, printed);
    assert.deepStrictEqual(await broker.bindings(),
      [...wanted, ...staleOfNamedPorts, ...staleOfOtherPorts, ...foreign].sort());
  });

  it('removes with --prune what is left over among the roles of the graph, and nothing else', async () => {
    const broker = server.vhost('pruned');
    setUp(broker);
    await leaveBindings(broker);
    const { stdout } = setUp(broker, '--prune');
    assert.deepStrictEqual(await broker.bindings(), [...wanted, ...foreign].sort());
    const stale = [...staleOfNamedPorts, ...staleOfOtherPorts].map((b) => b.replace('queue ', '')).sort();
    assert.deepStrictEqual([...stdout.matchAll(/^REMOVED:\t (.*)$/gm)].map((m) => m[1]).sort(), stale);
    assert.match(stdout, new RegExp(`^Checked the 23 plain bindings of virtual host '${broker.vhost}' that .* lists$`, 'm'));
    assert.ok(!stdout.includes(new URL(broker.management).password));
    assert.doesNotMatch(setUp(broker, '--prune').stdout, /REMOVED/);
    assert.deepStrictEqual(await broker.bindings(), [...wanted, ...foreign].sort());
  });

  it('says with --prune what it could not look for without the management API', async () => {
    const broker = server.vhost('blind');
    setUp(broker);
    await leaveBindings(broker);
    const { stdout } = setUp(broker, '--management', 'http://127.0.0.1:1', '--prune');
    assert.match(stdout, /^No management API \(.*\): checked the \d+ bindings possible between the ports the graph names; those of ports it no longer names were not looked for$/m);
    assert.doesNotMatch(stdout, /REMOVED/);
    assert.deepStrictEqual(await broker.bindings(), [...wanted, ...staleOfOtherPorts, ...foreign].sort());
  });

  it('tells the same as JSON', async () => {
    const broker = server.vhost('told');
    setUp(broker);
    await broker.bind('resize.OUT', 'bulk.IN');
    const told = JSON.parse(setUp(broker, '--prune', '--json').stdout);
    assert.strictEqual(told.bindings.length, 10);
    assert.deepStrictEqual(told.bindings[0], { type: 'pubsub', src: 'resize.STARTED', tgt: 'store.IN' });
    assert.deepStrictEqual(told.removed, [{ source: 'resize.OUT', destination: 'bulk.IN' }]);
    assert.match(told.checked, /^Checked the 17 plain bindings/);
  });

  it('uses a queue and an exchange of other properties as they are, and warns', async () => {
    const broker = server.vhost('other');
    await broker.declareQueue('resize.IN'); // without its dead letter exchange, as msgflo-cpp does
    await broker.declareExchange('resize.OUT', 'topic');
    const { stdout, stderr } = setUp(broker);
    const warnings = stderr.trim().split('\n');
    assert.strictEqual(warnings.length, 2, stderr);
    assert.match(warnings[0], /^msgflo setup: warning: queue 'resize.IN': PRECONDITION_FAILED - .*; used as it is$/);
    assert.match(warnings[1], /^msgflo setup: warning: exchange 'resize.OUT': PRECONDITION_FAILED - .*; used as it is$/);
    assert.strictEqual(stdout, printed);
    assert.deepStrictEqual(await broker.bindings(), wanted);
  });

  it('says that there is no broker, with a status of its own', () => {
    const ran = msgflo('setup', graph, '--broker', 'amqp://user:secret@127.0.0.1:1', '--timeout', '1');
    assert.deepStrictEqual([ran.status, ran.stdout, ran.stderr],
      [3, '', 'msgflo setup: broker 127.0.0.1:1: cannot be reached\n']);
  });

  it('gives up a broker that never answers when its time is over', async () => {
    const silent = net.createServer();
    await new Promise((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const began = Date.now();
    const ran = msgflo('setup', graph, '--broker', `amqp://127.0.0.1:${silent.address().port}`, '--timeout', '2');
    const took = Date.now() - began;
    await new Promise((resolve) => silent.close(resolve));
    assert.strictEqual(ran.status, 3);
    assert.match(ran.stderr, /^msgflo setup: broker 127.0.0.1:\d+: .+\n$/);
    assert.ok(took < 12000, `it took ${took} ms`); // an answer alone is waited for 15 s
  });

  it('says that it is refused, with the status for what is no use to try again', () => {
    const url = new URL(server.url);
    url.password = 'wrong';
    const ran = msgflo('setup', graph, '--broker', url.href, '--timeout', '30');
    assert.strictEqual(ran.status, 1);
    assert.match(ran.stderr, /^msgflo setup: broker 127.0.0.1:\d+: ACCESS_REFUSED - .*\n$/);
    const nowhere = msgflo('setup', graph, '--broker', `${server.url}/nowhere`, '--timeout', '30');
    assert.strictEqual(nowhere.status, 1);
    assert.match(nowhere.stderr, /^msgflo setup: broker 127.0.0.1:\d+: .*'?nowhere'?.*\n$/);
  });
});
