// msgflo run from outside: a real RabbitMQ, participants of its own library, and an editor that
// speaks the FBP network protocol to it.
'use strict';
const assert = require('node:assert');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before, beforeEach, afterEach, describe, it } = require('node:test');
const { ScratchBroker, build } = require('./broker.js');
const { Editor, MAIN, Network, msgflo, until } = require('./live.js');

const example = (name) => path.join(build, 'msgflo/examples', `msgflo-${name}`);
const GRAPH = `INPORT=first.IN:start
OUTPORT=last.OUT:result
first(core/Repeat) OUT -> IN shared(msgflo/RoundRobin)
shared OUT -> IN last(core/Repeat)
last OUT -> IN drop(core/Drop)
`;

describe('msgflo run', () => {
  let server;
  let broker;
  let dir;
  let network;
  let number = 0;
  before(() => { server = new ScratchBroker(); });
  after(() => server.remove());
  beforeEach(() => {
    number += 1;
    broker = server.vhost(`run${number}`);
    dir = fs.mkdtempSync(path.join(os.tmpdir(), 'msgflo-run-'));
    fs.writeFileSync(path.join(dir, 'graph.fbp'), GRAPH);
    fs.writeFileSync(path.join(dir, 'library.json'), JSON.stringify({
      components: { 'core/Repeat': `${example('repeat')} --role #ROLE`, 'core/Drop': `${example('drop')} --role #ROLE` },
    }));
  });
  afterEach(async () => {
    if (network) await network.stop();
    network = undefined;
    fs.rmSync(dir, { recursive: true });
  });

  function start(args = [], env = {}) {
    network = new Network([path.join(dir, 'graph.fbp'), '--library', path.join(dir, 'library.json'), ...args],
      { MSGFLO_BROKER: broker.url, MSGFLO_MANAGEMENT_URL: server.management, ...env });
    return network;
  }

  it('starts participants, binds their edges and carries packets through', async () => {
    const editor = await Editor.open(start());
    await editor.flows({ n: 1 });
    const bindings = await broker.bindings();
    for (const wanted of ['first.OUT -> exchange out-first.OUT', 'last.OUT -> queue drop.IN',
      'out-first.OUT -> queue last.IN']) {
      assert.ok(bindings.includes(wanted), `${wanted} in ${bindings}`);
    }
  });

  it('tells the data of chosen edges', async () => {
    const editor = await Editor.open(start());
    await editor.flows(1);
    const edge = { src: { node: 'last', port: 'out' }, tgt: { node: 'drop', port: 'in' } };
    editor.say('network', 'edges', { graph: MAIN, edges: [edge] });
    await editor.hears('network', 'edges');
    editor.feed(['x']);
    assert.deepStrictEqual(await editor.hears('network', 'data', ({ data }) => Array.isArray(data)),
      { id: 'last() OUT -> IN drop()', graph: MAIN, ...edge, data: ['x'] });
  });

  it('moves an edge to another participant', async () => {
    const editor = await Editor.open(start());
    await editor.flows(1);
    editor.say('graph', 'addnode', { graph: MAIN, id: 'other', component: 'core/Drop' });
    await editor.hears('network', 'icon', (p) => p.id === 'other' && p.icon !== 'clock-o');
    const from = { graph: MAIN, src: { node: 'last', port: 'out' }, tgt: { node: 'drop', port: 'in' } };
    editor.say('graph', 'removeedge', from);
    editor.say('graph', 'addedge', { ...from, tgt: { node: 'other', port: 'in' } });
    await until(async () => {
      const bindings = await broker.bindings();
      return bindings.includes('last.OUT -> queue other.IN') && !bindings.includes('last.OUT -> queue drop.IN');
    }, () => 'last.OUT bound to other.IN alone');
    await editor.flows(2);
  });

  it('answers what is no message and lives on', async () => {
    const editor = await Editor.open(start());
    for (const frame of ['null', '[]', '{', '"x"', '7', '{"protocol":"graph"}', '['.repeat(100000)]) {
      editor.socket.send(frame);
      await until(() => editor.heard.some((m) => m.command === 'error'), () => `an answer to ${frame.slice(0, 30)}`);
      editor.heard = [];
    }
    editor.say('graph', 'addedge', { graph: MAIN, src: { node: 'last', port: 'no' }, tgt: { node: 'drop', port: 'in' } });
    await editor.hears('network', 'error');
    await editor.flows(3);
  });

  it('prints names from outside on its own lines', async () => {
    const editor = await Editor.open(start());
    await editor.flows(1);
    editor.say('graph', 'addedge', { graph: MAIN, src: { node: 'last', port: 'X\nFORGED\u001b[2J' }, tgt: { node: 'drop', port: 'in' } });
    await network.printed(/last\.X\?FORGED\?\[2J -> drop\.IN is not bound/);
    assert.doesNotMatch(network.output, /^FORGED|\u001b/m);
  });

  it('needs the secret where there is one', async () => {
    const editor = await Editor.open(start([], { MSGFLO_SECRET: 'do-not-tell', MSGFLO_SECRET_READ_ONLY: 'look-only' }));
    editor.say('network', 'getstatus', { graph: MAIN });
    assert.match((await editor.hears('network', 'error')).message, /secret/);
    editor.say('network', 'getstatus', { graph: MAIN, secret: 'look-only' });
    await editor.hears('network', 'status');
    editor.say('graph', 'removenode', { graph: MAIN, id: 'last', secret: 'look-only' });
    assert.match((await editor.hears('graph', 'error')).message, /look/);
    editor.say('graph', 'removenode', { graph: MAIN, id: 'last', secret: 'do-not-tell' });
    await editor.hears('graph', 'removenode');
    assert.ok(!JSON.stringify(editor.heard).includes('do-not-tell'));
    const [, port] = /ws:\/\/localhost:(\d+)/.exec(network.output);
    const page = await (await fetch(`http://localhost:${port}/`)).text();
    assert.ok(!page.includes('do-not-tell'), page);
  });

  it('says why a participant of its own is dead', async () => {
    const editor = await Editor.open(start());
    fs.writeFileSync(path.join(dir, 'dies.sh'), 'echo no good >&2; exit 3\n');
    await network.stop();
    fs.writeFileSync(path.join(dir, 'library.json'),
      JSON.stringify({ components: { 'core/Repeat': `sh ${path.join(dir, 'dies.sh')}` } }));
    editor.socket.close();
    const again = await Editor.open(start());
    const { id, error, graph } = await again.hears('network', 'processerror', (p) => p.id === 'first');
    assert.deepStrictEqual([id, graph], ['first', MAIN]);
    assert.match(error, /exit status 3[^]*no good/);
  });

  it('saves the graph that editors change', async () => {
    const editor = await Editor.open(start(['--auto-save']));
    editor.say('graph', 'addnode', { graph: MAIN, id: 'extra', component: 'core/Drop', metadata: { x: 5 } });
    await until(() => /extra\(core\/Drop:x=5\)/.test(fs.readFileSync(path.join(dir, 'graph.fbp'), 'utf8')),
      () => 'the new node in the file');
  });

  it('saves while editors go on changing the graph', async () => {
    const editor = await Editor.open(start(['--auto-save']));
    editor.say('graph', 'addnode', { graph: MAIN, id: 'extra', component: 'core/Drop' });
    let x = 0;
    await until(() => {
      x += 1;
      editor.say('graph', 'changenode', { graph: MAIN, id: 'extra', metadata: { x } });
      return fs.readFileSync(path.join(dir, 'graph.fbp'), 'utf8').includes('extra(core/Drop');
    }, () => 'the new node in the file');
  });

  it('saves once it can, what it could not save at first', async () => {
    const editor = await Editor.open(start(['--auto-save']));
    const file = path.join(dir, 'graph.fbp');
    fs.rmSync(file);
    fs.mkdirSync(file);
    editor.say('graph', 'addnode', { graph: MAIN, id: 'extra', component: 'core/Drop' });
    await network.printed(/not saved: \S+graph\.fbp: /);
    fs.rmdirSync(file);
    await network.printed(/saved again/);
    assert.match(fs.readFileSync(file, 'utf8'), /extra\(core\/Drop\)/);
  });

  it('saves on its way out what it could not save at first', async () => {
    const editor = await Editor.open(start(['--auto-save']));
    const file = path.join(dir, 'graph.fbp');
    fs.rmSync(file);
    fs.mkdirSync(file);
    editor.say('graph', 'addnode', { graph: MAIN, id: 'extra', component: 'core/Drop' });
    await network.printed(/not saved: \S+graph\.fbp: /);
    fs.rmdirSync(file);
    await network.stop();
    assert.match(fs.readFileSync(file, 'utf8'), /extra\(core\/Drop\)/);
  });

  it('ends its participants on SIGTERM and leaves the bindings', async () => {
    const editor = await Editor.open(start());
    await editor.flows(4);
    const children = execFileSync('ps', ['-o', 'pid=', '--ppid', String(network.child.pid)], { encoding: 'utf8' })
      .trim().split(/\s+/);
    assert.strictEqual(children.length, 3);
    assert.strictEqual(await network.stop(), 0);
    for (const pid of children) assert.ok(!fs.existsSync(`/proc/${pid}`), `process ${pid} is left`);
    assert.ok((await broker.bindings()).includes('last.OUT -> queue drop.IN'));
  });

  it('runs without a broker and ends when asked to', async () => {
    const editor = await Editor.open(start(['--broker', 'amqp://127.0.0.1:1']));
    await network.printed(/the broker is away/);
    editor.say('network', 'getstatus', { graph: MAIN });
    assert.deepStrictEqual(await editor.hears('network', 'status'), { graph: MAIN, started: true, running: false });
    assert.strictEqual(await network.stop(), 0);
  });

  it('listens beyond this machine with a secret only', async () => {
    for (const host of ['0.0.0.0', '127.0.0.1.example.org']) {
      const refused = start(['--host', host]);
      assert.strictEqual(await refused.ended, 2);
      assert.match(refused.output, /secret is needed/);
    }
  });
});
