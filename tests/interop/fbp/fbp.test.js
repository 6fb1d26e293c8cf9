// `msgflo run` as a runtime of the FBP network protocol, on both kinds of broker: the official suites,
// every command and its answer, and what no client should send. All that it says is held against the
// protocol's own schemas, which the official suite looks up under wrong names and so never does.
'use strict';
const assert = require('node:assert');
const { describe, it, before, after } = require('node:test');
const { Runtime, brokers } = require('./runtimes.js');
const { faults } = require('./schemas.js');
const { fbpSpec, fbpTest } = require('./suites.js');
const { Client, Relay } = require('./wire.js');

const allValid = (heard) => assert.deepStrictEqual(heard.flatMap(faults), []);

// Each command, and the answer it must have; in this order they are one session. An answer's payload
// has at least these members.
const edge = { src: { node: 'a', port: 'out' }, tgt: { node: 'b', port: 'in' }, graph: 'g' };
const initial = { src: { data: { x: [1, null] } }, tgt: { node: 'a', port: 'in' }, graph: 'g' };
const group = { name: 'both', nodes: ['a', 'b'], graph: 'g' };
const session = [
  ['runtime:getruntime', {}, 'runtime:runtime', { type: 'msgflo', version: '0.7' }],
  ['component:list', {}, 'component:component', { name: 'core/Repeat', subgraph: false }],
  ['component:list', {}, 'component:componentsready'],
  ['graph:clear', { id: 'g', main: true, name: 'G', library: 'test' }, 'graph:clear', { id: 'g', main: true, name: 'G' }],
  ['graph:addnode', { id: 'a', component: 'core/Repeat', metadata: { x: 1 }, graph: 'g' }, 'graph:addnode',
    { id: 'a', component: 'core/Repeat', metadata: { x: 1 }, graph: 'g' }],
  ['graph:addnode', { id: 'c', component: 'core/Drop', metadata: {}, graph: 'g' }, 'graph:addnode', { id: 'c', graph: 'g' }],
  ['graph:renamenode', { from: 'c', to: 'b', graph: 'g' }, 'graph:renamenode', { from: 'c', to: 'b', graph: 'g' }],
  ['graph:changenode', { id: 'a', metadata: { y: 2 }, graph: 'g' }, 'graph:changenode',
    { id: 'a', metadata: { x: 1, y: 2 }, graph: 'g' }],
  ['graph:changenode', { id: 'a', metadata: { y: null }, graph: 'g' }, 'graph:changenode',
    { id: 'a', metadata: { x: 1 }, graph: 'g' }],
  ['graph:addedge', { ...edge, metadata: { route: 1 } }, 'graph:addedge', { ...edge, metadata: { route: 1 } }],
  ['graph:changeedge', { ...edge, metadata: { route: 2 } }, 'graph:changeedge', { ...edge, metadata: { route: 2 } }],
  ['graph:addinitial', { ...initial, metadata: {} }, 'graph:addinitial', initial],
  ['graph:addinport', { public: 'in', node: 'a', port: 'in', graph: 'g' }, 'graph:addinport', { public: 'in', graph: 'g' }],
  ['graph:renameinport', { from: 'in', to: 'into', graph: 'g' }, 'graph:renameinport', { from: 'in', to: 'into', graph: 'g' }],
  ['graph:addoutport', { public: 'out', node: 'a', port: 'out', graph: 'g' }, 'graph:addoutport', { public: 'out', graph: 'g' }],
  ['graph:renameoutport', { from: 'out', to: 'outof', graph: 'g' }, 'graph:renameoutport', { from: 'out', to: 'outof', graph: 'g' }],
  ['graph:addgroup', { ...group, metadata: {} }, 'graph:addgroup', group],
  ['graph:changegroup', { name: 'both', metadata: { d: 1 }, graph: 'g' }, 'graph:changegroup', { name: 'both', graph: 'g' }],
  ['graph:renamegroup', { from: 'both', to: 'all', graph: 'g' }, 'graph:renamegroup', { from: 'both', to: 'all', graph: 'g' }],
  ['graph:removegroup', { name: 'all', graph: 'g' }, 'graph:removegroup', { name: 'all', graph: 'g' }],
  ['component:getsource', { name: 'g' }, 'component:source', { name: 'g', language: 'json' }],
  ['component:getsource', { name: 'default/main' }, 'component:source', { name: 'main', library: 'default', language: 'json' }],
  ['network:getstatus', { graph: 'g' }, 'network:status', { graph: 'g', started: false, running: false }],
  ['network:edges', { graph: 'g', edges: [{ src: edge.src, tgt: edge.tgt }] }, 'network:edges', { graph: 'g' }],
  ['network:start', { graph: 'g' }, 'network:started', { graph: 'g', started: true }],
  [undefined, undefined, 'network:data', { graph: 'g', data: { x: [1, null] }, ...edge }],
  ['runtime:packet', { graph: 'g', port: 'into', event: 'data', payload: 'once' }, 'runtime:packetsent', { port: 'into' }],
  ['network:getstatus', { graph: 'g' }, 'network:status', { graph: 'g', started: true }],
  ['network:stop', { graph: 'g' }, 'network:stopped', { graph: 'g', started: false, running: false }],
  ['graph:removeinport', { public: 'into', graph: 'g' }, 'graph:removeinport', { public: 'into', graph: 'g' }],
  ['graph:removeoutport', { public: 'outof', graph: 'g' }, 'graph:removeoutport', { public: 'outof', graph: 'g' }],
  ['graph:removeinitial', { tgt: initial.tgt, graph: 'g' }, 'graph:removeinitial', initial],
  ['graph:removeedge', edge, 'graph:removeedge', edge],
  ['graph:removenode', { id: 'a', graph: 'g' }, 'graph:removenode', { id: 'a', graph: 'g' }],
  ['graph:removenode', { id: 'nobody', graph: 'g' }, 'graph:error'],
  ['graph:addnode', { id: 'x', component: 'core/Drop', metadata: {} }, 'graph:error', { message: 'No graph specified' }],
  ['graph:addnode', { id: 'x', component: 'core/Drop', metadata: {}, graph: 'none' }, 'graph:error',
    { message: 'Requested graph not found' }],
  ['network:start', { graph: 'none' }, 'network:error'],
  ['component:getsource', { name: 'none/None' }, 'component:error'],
  ['component:source', { name: 'X', library: 'x', language: 'c', code: 'int x;' }, 'component:error'],
  ['runtime:packet', { graph: 'g', port: 'none', event: 'data', payload: 1 }, 'runtime:error'],
];

const has = (payload, members) => Object.entries(members).every(([key, value]) => {
  try {
    assert.deepStrictEqual(payload[key], value);
    return true;
  } catch {
    return false;
  }
});

// What a field may wrongly be.
const wrong = [null, true, 5, -1e300, '', 'x'.repeat(5000), [], [[]], {}, { node: null }, { a: { b: [] } }];

function* wrongMessages() {
  for (const value of wrong) {
    yield value;
    yield { protocol: value, command: 'getruntime', payload: {} };
    yield { protocol: 'graph', command: value, payload: {} };
  }
  const commands = session.filter(([name]) => name);
  for (const [name, payload] of commands) {
    const [protocol, command] = name.split(':');
    for (const value of wrong) {
      yield { protocol, command, payload: value };
      yield { protocol, command, payload, secret: value, requestId: value };
      for (const key of Object.keys(payload)) {
        yield { protocol, command, payload: { ...payload, [key]: value } };
        for (const inner of Object.keys(Object(payload[key]))) {
          yield { protocol, command, payload: { ...payload, [key]: { ...payload[key], [inner]: value } } };
        }
      }
    }
    yield { protocol, command };
  }
}

for (const [name, open] of Object.entries(brokers)) {
  describe(`msgflo run on ${name}`, () => {
    let broker;
    before(async () => { broker = await open(); });
    after(() => broker && broker.close());

    // A runtime of its own for `use`, which has to live as long and to end well.
    async function withRuntime(use) {
      const runtime = await Runtime.start('ours', broker.url);
      try {
        await use(runtime);
        assert.ok(runtime.isRunning, runtime.log());
      } finally {
        const log = runtime.log();
        assert.strictEqual(await runtime.stop(), 0, log);
      }
    }

    for (const [what, suite] of [['fbp-test', fbpTest], ['fbp-spec', fbpSpec]]) {
      it(`passes ${what}, and all it says is valid`, () => withRuntime(async (runtime) => {
        const relay = await Relay.open(runtime.port);
        try {
          const result = await suite(relay.port);
          assert.ok(result.cases > 0 && result.passed === result.cases, JSON.stringify(result));
          allValid(relay.heard);
        } finally {
          relay.close();
        }
      }));
    }

    it('answers every command, as the schemas say', () => withRuntime(async (runtime) => {
      const client = await Client.open(runtime.port);
      for (const [i, [command, payload, answer, members = {}]] of session.entries()) {
        if (command) client.send(...command.split(':'), payload, { requestId: `${i}` });
        await client.next(answer, (m) => has(Object(m.payload), members) && (!command || m.responseTo === `${i}`));
      }
      allValid(client.heard);
      client.close();
    }));

    it('survives messages that are none, and fields of every wrong type', () => withRuntime(async (runtime) => {
      const client = await Client.open(runtime.port);
      client.send('graph', 'clear', { id: 'g', main: true, name: 'G' });
      for (const text of ['', ' ', '{', 'null', '[]', '5', '"', '\u0000', '{"protocol":"graph"}',
        '['.repeat(100000), '{"a":'.repeat(100000)]) client.sendText(text);
      for (const message of wrongMessages()) client.sendText(JSON.stringify(message));
      client.send('runtime', 'getruntime', {}, { requestId: 'last' });
      for (;;) if ((await client.next('runtime:runtime')).responseTo === 'last') break;
      allValid(client.heard);
      client.close();
    }));

    it('takes a message of a megabyte and refuses one of nine', () => withRuntime(async (runtime) => {
      const client = await Client.open(runtime.port);
      client.send('graph', 'clear', { id: 'g', main: true, name: 'G' });
      await client.next('graph:clear');
      client.send('graph', 'addnode', { id: 'a', component: 'core/Drop', metadata: { text: 'x'.repeat(1024 * 1024) }, graph: 'g' });
      await client.next('graph:addnode');
      client.sendText(`{"protocol":"${'x'.repeat(9 * 1024 * 1024)}"}`);
      assert.strictEqual(await client.closed(), 1009);
      (await Client.open(runtime.port)).close();
    }));
  });
}
