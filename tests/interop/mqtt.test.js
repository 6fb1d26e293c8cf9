// A participant in C and one of npm msgflo-nodejs on Mosquitto, with the edges of a graph that
// `msgflo setup --forever` keeps; an npm client sends the first message and sees the last.
'use strict';
const assert = require('node:assert');
const { spawn, execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { it, before, after } = require('node:test');
const mqtt = require('mqtt');
const { build, root } = require('./broker.js');
const { until } = require('./system.js');

const services = (...args) => execFileSync(path.join(root, 'bin/lib/services'), args, { encoding: 'utf8' });

const graph = `c(core/Repeat) OUT -> IN node(test/Append)
node OUT -> IN again(core/Repeat)
`;

let dir;
let url;
let client;
const children = [];

before(async () => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'imageresize-interop-'));
  [url] = services('mosquitto', 'start', dir).split('\n');
  client = mqtt.connect(url);
  await new Promise((resolve, reject) => client.once('connect', resolve).once('error', reject));
});

after(() => {
  children.forEach((child) => child.kill());
  if (client) client.end(true);
  services('remove', dir);
  fs.rmSync(dir, { recursive: true, force: true });
});

// Starts a program; what it has printed so far is in the answer's `printed`.
function start(program, ...args) {
  const child = spawn(program, args,
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, MSGFLO_BROKER: url, MSGFLO_DISCOVERY_PERIOD: '2' } });
  child.printed = '';
  child.stdout.setEncoding('utf8').on('data', (text) => { child.printed += text; });
  children.push(child);
  return child;
}

it('a message goes through both by the edges that setup keeps', async () => {
  const repeat = path.join(build, 'msgflo/examples/msgflo-repeat');
  const file = path.join(dir, 'graph.fbp');
  const discovered = new Map();
  const got = [];
  fs.writeFileSync(file, graph);
  client.on('message', (topic, body) => {
    const value = JSON.parse(body);
    if (topic === 'fbp') discovered.set(value.payload.role, value);
    else got.push(value);
  });
  await new Promise((resolve, reject) => client.subscribe(['fbp', 'again.OUT'],
    (e) => (e ? reject(e) : resolve())));

  // Discovery first, so that all of it is heard: --discover waits for all three.
  const setup = start(path.join(build, 'msgflo/tool/msgflo'), 'setup', file, '--discover', '--forever');
  start(repeat, '--role', 'c');
  start(repeat, '--role', 'again');
  start(path.join(__dirname, 'node_modules/.bin/msgflo-nodejs'), '--name', 'node',
    path.join(__dirname, 'mqtt_peer.js'));
  await until(() => setup.printed.includes('node.OUT -> again.IN'), 'the bindings');
  assert.match(setup.printed, /c\.OUT -> node\.IN/);
  await until(() => discovered.size >= 3, 'the announcements'); // setup may hear them before us
  assert.deepStrictEqual([...discovered.keys()].sort(), ['again', 'c', 'node']);
  assert.deepStrictEqual(Object.keys(discovered.get('c').payload).sort(),
    Object.keys(discovered.get('node').payload).sort());

  for (let i = 0; i < 20; i++) client.publish('c.IN', JSON.stringify([i]));
  await until(() => got.length >= 20, '20 messages at the end');
  assert.deepStrictEqual(got, Array.from({ length: 20 }, (_, i) => [i, 'node']));
});
