// The msgflo tool beside its namesakes of npm: the same participants, the same brokers, the same
// lines.
'use strict';
const assert = require('node:assert');
const { execFileSync, spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { describe, it, before, after } = require('node:test');
const { ScratchBroker, build } = require('./broker.js');

const bin = path.join(__dirname, 'node_modules/.bin');
const fixtures = path.join(__dirname, 'node_modules/msgflo/spec/fixtures');
const msgflo = path.join(build, 'msgflo/tool/msgflo');
const repeat = path.join(build, 'msgflo/examples/msgflo-repeat');

// Runs a program: { status, stdout, stderr }. One that hangs fails the test, by its null status.
function run(program, args, options = {}) {
  return spawnSync(program, args, { encoding: 'utf8', timeout: 60000, ...options });
}

// A program that runs on, and what it has printed. What a failed test leaves running is ended with
// the file.
class Running {
  static all = [];

  constructor(program, args, options = {}) {
    this.child = spawn(program, args, options);
    Running.all.push(this);
    this.output = '';
    this.ended = new Promise((resolve) => this.child.on('close', (status) => resolve(status)));
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => { this.output += text; });
    }
  }

  // Once it has printed what is looked for; fails if it ends before.
  async printed(pattern) {
    for (let ended = false; !pattern.test(this.output);) {
      assert.ok(!ended, `it ended, having printed: ${this.output}`);
      ended = await Promise.race([
        this.ended.then(() => true),
        new Promise((resolve) => setTimeout(resolve, 20, false))]);
    }
  }

  async stop() {
    this.child.kill('SIGTERM');
    return this.ended;
  }
}

function isRunning(pid) {
  try {
    return !/ Z /.test(fs.readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

describe('the msgflo tool beside npm', () => {
  let server;
  let dir;
  before(() => {
    server = new ScratchBroker();
    dir = path.join(server.dir, 'project');
    fs.mkdirSync(path.join(dir, 'parts'), { recursive: true });
    fs.writeFileSync(path.join(dir, 'parts/Double.js'), `
      const msgflo = require(${JSON.stringify(path.join(__dirname, 'node_modules/msgflo-nodejs'))});
      module.exports = (broker, role) => new msgflo.participant.Participant(
        msgflo.transport.getClient(broker),
        { component: 'try/Double', icon: '', label: '', inports: [{ id: 'in', type: 'number' }],
          outports: [{ id: 'out', type: 'number' }] },
        (port, data, send) => send('out', null, 2 * data), role);`);
    fs.writeFileSync(path.join(dir, 'package.json'), JSON.stringify({ name: 'try', msgflo: {
      components: { 'try/Repeat': `${repeat} --role #ROLE` } } }));
    fs.writeFileSync(path.join(dir, 'graph.fbp'),
      'first(try/Repeat) OUT -> IN double(Double) OUT -> IN last(try/Repeat)\n');
  });
  after(async () => {
    for (const one of Running.all) await one.stop();
    if (server) server.remove();
  });

  // In the project, as its users would; npm's programs by their names.
  function options(broker) {
    return { cwd: dir, env: { ...process.env, PATH: `${bin}:${process.env.PATH}`, MSGFLO_BROKER: broker.url,
      MSGFLO_MANAGEMENT_URL: broker.management } };
  }

  const setupArgs = ['setup', 'graph.fbp', '--participants', '--discover', '--componentdir', 'parts'];

  it('starts npm\'s participants and ours, finds them by discovery, and ends them with itself', async () => {
    const broker = server.vhost('together');
    const setup = new Running(msgflo, [...setupArgs, '--forever'], options(broker));
    await setup.printed(/keeping alive/);
    assert.strictEqual(setup.output, `Set up participants [ 'first', 'double', 'last' ]
Set up bindings:
 PUBSUB: \t first.OUT -> double.IN
PUBSUB: \t double.OUT -> last.IN
--forever enabled, keeping alive
`);
    // One more role, bound by hand, shows what comes out at the end.
    await broker.declareQueue('result');
    await broker.bind('last.OUT', 'result');
    assert.strictEqual(run(msgflo, ['send', '--queue', 'first.IN', '--json', '21'], options(broker)).status, 0);
    const dumped = run(msgflo, ['dump', '--queue', 'result', '--timeout', '30'], options(broker));
    assert.strictEqual(dumped.stdout, '42\n', dumped.stderr);

    const { pid } = setup.child;
    const children = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
    assert.strictEqual(children.length, 3);
    assert.strictEqual(await setup.stop(), 0);
    assert.deepStrictEqual(children.filter(isRunning), []);
  });

  it('ends participants without --forever, and tells the same as JSON', () => {
    const ran = run(msgflo, [...setupArgs, '--json'], options(server.vhost('json')));
    assert.strictEqual(ran.status, 0, ran.stderr);
    const told = JSON.parse(ran.stdout);
    assert.deepStrictEqual(told.participants, ['first', 'double', 'last']);
    assert.deepStrictEqual(told.bindings[1], { type: 'pubsub', src: 'double.OUT', tgt: 'last.IN' });
  });

  it('prints the lines that npm\'s setup prints', () => {
    const broker = server.vhost('lines');
    for (const graph of ['a(x/X) OUT -> IN b(x/X) OUT -> IN c(x/X)', 'a(x/X)',
      'a(x/X) OUT -> IN rr(msgflo/RoundRobin), rr OUT -> IN b(x/X), rr DEADLETTER -> DEAD a']) {
      fs.writeFileSync(path.join(dir, 'lines.fbp'), `${graph}\n`);
      const ours = run(msgflo, ['setup', 'lines.fbp'], options(broker));
      const theirs = run(path.join(bin, 'msgflo-setup'), ['lines.fbp'], options(broker));
      assert.deepStrictEqual([ours.status, ours.stdout], [theirs.status, theirs.stdout], ours.stderr);
    }
  });

  it('says which participant failed, and its last words', () => {
    const broker = server.vhost('failed');
    fs.writeFileSync(path.join(dir, 'broken.json'),
      JSON.stringify({ components: { Double: 'exit 1', Repeat: 'echo no such luck >&2; exit 3' } }));
    const args = ['setup', 'graph.fbp', '--participants', '--library', 'broken.json', '--shell', '/bin/sh'];
    const ran = run(msgflo, [...args, '--only', 'first,last', '--ignore', 'last'], options(broker));
    assert.strictEqual(ran.status, 1);
    assert.strictEqual(ran.stderr, 'msgflo setup: participant \'first\' ended: exit status 3: no such luck\n');
  });

  it('says who was not announced in time', () => {
    const ran = run(msgflo, ['setup', 'graph.fbp', '--discover', '--timeout', '1'], options(server.vhost('alone')));
    assert.strictEqual(ran.status, 3);
    assert.strictEqual(ran.stderr, 'msgflo setup: no announcement of \'first\', \'double\', \'last\' in 1 s\n');
  });

  it('waits for no routing node', async () => {
    const broker = server.vhost('routing');
    fs.writeFileSync(path.join(dir, 'routing.fbp'), `a(try/Repeat) OUT -> IN rr(msgflo/RoundRobin)
rr OUT -> IN b(try/Repeat), rr DEADLETTER -> IN c(try/Repeat)`);
    const ran = run(msgflo, ['setup', 'routing.fbp', '--participants', '--discover'], options(broker));
    assert.strictEqual(ran.status, 0, ran.stderr);
    assert.match(ran.stdout, /^ DEADLETTER:\t b.IN -> c.IN\nROUNDROBIN:\t a.OUT -> b.IN$/m);
    assert.ok((await broker.bindings()).includes('a.OUT -> exchange out-a.OUT'));
  });

  it('registers what npm\'s coordinator and setup find, from npm\'s own fixtures', async () => {
    const broker = server.vhost('register');
    for (const queue of ['/mylightbulb/ffo/1/set-on']) await broker.declareQueue(encodeURIComponent(queue));
    await broker.declareExchange(encodeURIComponent('/myswitch/switch/status'));
    fs.writeFileSync(path.join(dir, 'home.fbp'), 'switch(my/ToggleSwitch) STATE -> ENABLE bulb(my/LightBulb)\n');
    const register = new Running(msgflo, ['register', '--interval', '1',
      '--role', `switch:${fixtures}/toggleswitch.yaml`, '--role', `bulb:${fixtures}/lightbulb.yaml`], options(broker));
    await register.printed(/Sent discovery message for switch\nSent discovery message for bulb\n/);
    const theirs = run(path.join(bin, 'msgflo-setup'), ['home.fbp', '--discover', 'true', '--timeout', '20'],
      options(broker));
    assert.match(theirs.stdout, /PUBSUB: \t \/myswitch\/switch\/status -> \/mylightbulb\/ffo\/1\/set-on/, theirs.stderr);
    const ours = run(msgflo, ['setup', 'home.fbp', '--discover'], options(broker));
    assert.match(ours.stdout, /PUBSUB: \t \/myswitch\/switch\/status -> \/mylightbulb\/ffo\/1\/set-on/, ours.stderr);
    assert.strictEqual(await register.stop(), 0);
  });

  it('shows no control characters of announcements to a terminal', async () => {
    const broker = server.vhost('hostile');
    const announce = (role, inports, outports) => JSON.stringify({ protocol: 'discovery', command: 'participant',
      payload: { id: role, role, component: 'x/X', inports, outports } });
    fs.writeFileSync(path.join(dir, 'hostile.json'), JSON.stringify({ processes: { a: { component: 'x/X' },
      b: { component: 'x/X' } }, connections: [{ src: { process: 'a', port: 'out' }, tgt: { process: 'b', port: 'in' } }] }));
    const send = (json) => assert.strictEqual(
      run(msgflo, ['send', '--queue', 'fbp', '--json', json], options(broker)).status, 0);
    await broker.declareQueue('fbp');
    send(announce('a', [], [{ id: 'out', queue: 'out\u001b[2J\u009b2J' }]));
    send(announce('b', [{ id: 'in', queue: 'in\nPUBSUB: \t x -> y' }], []));
    send('"\u009b2J\u007f"');
    const setup = run(msgflo, ['setup', 'hostile.json', '--discover'], options(broker));
    assert.match(setup.stdout, /PUBSUB: \t out\?\[2J\?\?2J -> in\?PUBSUB: \? x -> y\n$/);
    send('"\u009b2J\u007f"');
    send(announce('a\u009b2J', [], []));
    const list = run(msgflo, ['list', '-n', '3'], options(broker));
    assert.match(list.stderr, /expected near '"\?\?2J\?"'$/m);
    assert.match(list.stdout, /^a\?\?2J +x\/X/m);
  });

  it('prints nothing into its connection when it has no standard output', () => {
    const register = `exec ${msgflo} register --once --role lamp:${fixtures}/lightbulb.yaml >&-`;
    const ran = run('/bin/sh', ['-c', register], options(server.vhost('closed')));
    assert.deepStrictEqual([ran.status, ran.stderr], [1, 'msgflo register: standard output takes no more\n']);
  });

  it('takes the old form of register, once', () => {
    const ran = run(msgflo, ['register', '--role', 'lamp', path.join(fixtures, 'lightbulb.yaml')],
      options(server.vhost('old')));
    assert.deepStrictEqual([ran.status, ran.stdout], [0, 'Sent discovery message for lamp\n']);
    const bad = run(msgflo, ['register', path.join(dir, 'package.json')], options(server.vhost('bad')));
    assert.strictEqual(bad.status, 1);
    assert.match(bad.stderr, /package\.json: line 1: component is missing\n$/);
  });

  it('lists npm\'s participants and ours, as soon as those asked for were heard', async () => {
    const broker = server.vhost('list');
    const started = [
      new Running(path.join(bin, 'msgflo-nodejs'), ['--name', 'double', 'parts/Double.js'], options(broker)),
      new Running(repeat, ['--role', 'again'], options(broker))];
    const ran = new Running(msgflo, ['list', '--json', '--role', 'double,again'], options(broker));
    const began = Date.now();
    assert.strictEqual(await ran.ended, 0, ran.output);
    assert.ok(Date.now() - began < 25000);
    const [again, double] = JSON.parse(ran.output.slice(ran.output.indexOf('[')));
    assert.deepStrictEqual([again.role, again.component, again.instances], ['again', 'core/Repeat', 1]);
    assert.deepStrictEqual([double.role, double.inports[0].queue], ['double', 'double.IN']);
    for (const one of started) await one.stop();
    const nobody = run(msgflo, ['list', '--role', 'nobody', '--wait', '1'], options(broker));
    assert.deepStrictEqual([nobody.status, nobody.stdout], [1, 'ROLE  COMPONENT  INSTANCES  HEARD  PORTS\n']);
  });

  it('shows at the top what waits, with and without the management API', async () => {
    const broker = server.vhost('top');
    const again = new Running(repeat, ['--role', 'again'], options(broker));
    await again.printed(/./);
    const api = run(msgflo, ['top', '--once', '--json'], options(broker));
    assert.strictEqual(api.status, 0, api.stderr);
    const row = JSON.parse(api.stdout).rows.find((r) => r.queue === 'again.IN');
    assert.deepStrictEqual([row.role, row.component, row.instances], ['again', 'core/Repeat', 1]);
    assert.ok('taken_per_s' in row);
    // The backlog of announcements has been taken: this participant's is heard while top listens.
    const blind = new Running(msgflo, ['top', '--once', '--management', 'http://127.0.0.1:1', '--wait', '3'],
      options(broker));
    const more = new Running(repeat, ['--role', 'more'], options(broker));
    assert.strictEqual(await blind.ended, 0, blind.output);
    assert.match(blind.output, /no management API: no rates/);
    await again.stop();
    await more.stop();
  });

  it('lists at once who was heard by another, and by one that still listens', async () => {
    const broker = server.vhost('recent');
    const announce = (id) => run(msgflo, ['register', '--once', '--role', `${id}:${fixtures}/lightbulb.yaml`],
      options(broker));
    const listed = (...args) => {
      const ran = run(msgflo, ['list', '--json', '--wait', '0', ...args], options(broker));
      assert.strictEqual(ran.status, 0, ran.stderr);
      return JSON.parse(ran.stdout).map((p) => p.role);
    };
    for (const id of ['one', 'two']) announce(id);
    const first = run(msgflo, ['list', '-n', '2'], options(broker));
    assert.match(first.stdout, /^one +my\/LightBulb[^]*^two /m);
    assert.deepStrictEqual(listed(), ['one', 'two']);
    const top = new Running(msgflo, ['top', '--interval', '1', '--json'], options(broker));
    await top.printed(/"two"/);
    announce('three');
    await top.printed(/"three"/);
    assert.deepStrictEqual(listed('--role', 'one,three'), ['one', 'three']);
    assert.strictEqual(await top.stop(), 0);
  });

  it('takes messages that npm\'s send put beside its own', async () => {
    const broker = server.vhost('messages');
    await broker.declareQueue('q');
    const value = '{"a":[1,"ä",null]}';
    assert.strictEqual(run(msgflo, ['send', '--queue=q', `--json=${value}`], options(broker)).status, 0);
    // (the programs themselves are broken in msgflo 0.12.3: they look for their code in a wrong place)
    const theirs = run('node', ['-e', `require(${JSON.stringify(path.join(__dirname, 'node_modules/msgflo/lib/utils/send'))}).main()`,
      'send', '--queue', 'q', '--json', value], options(broker));
    assert.strictEqual(theirs.status, 0, theirs.stderr);
    const dumped = run(msgflo, ['dump', '--queue', 'q', '--amount', '2', '--timeout', '20'], options(broker));
    assert.strictEqual(dumped.stdout, `[${value},${value}]\n`, dumped.stderr);
  });

  it('prints the Procfiles that npm prints', () => {
    const cases = [
      [path.join(fixtures, 'iips.fbp'), '--library', path.join(fixtures, 'library-noflo.json'), '--ignore', 'web',
        '--include', 'web: node index.js', '--components', 'none'],
      [path.join(fixtures, 'imgflo-server.fbp'), '--library', path.join(fixtures, 'library-imgflo.json'),
        '--components=none', '--ignore=imgflo_jobs', '--ignore=imgflo_api', '--ignore', 'drop'],
      [path.join(fixtures, 'handlers.fbp'), `--library=${path.join(fixtures, 'library-handlers.json')}`,
        `--components=${fixtures}`],
      ['graph.fbp', '--library', 'package.json', '--components', './parts/'],
    ];
    for (const args of cases) {
      const theirs = execFileSync(path.join(bin, 'msgflo-procfile'), args, { encoding: 'utf8', cwd: dir });
      const ours = run(msgflo, ['procfile', ...args], { cwd: dir });
      assert.strictEqual(ours.stdout, theirs, ours.stderr);
    }
  });
});
