// One graph whose participants are written in C, in Node.js with npm's msgflo-nodejs, and without any
// MsgFlo at all (a worker that `msgflo register` announces), on RabbitMQ and on Mosquitto.
'use strict';
const { execFileSync, spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before, describe, it } = require('node:test');
const amqp = require('amqplib');
const mqtt = require('mqtt');
const { ScratchBroker, build, root } = require('./broker.js');
const { Editor, Network, msgflo } = require('./live.js');

const GRAPH = `INPORT=c.IN:start
OUTPORT=last.OUT:result
c(core/Repeat) OUT -> IN node(test/Append)
node OUT -> IN foreign(test/Foreign)
foreign OUT -> IN last(core/Repeat)
`;
const FOREIGN = `component: test/Foreign
label: Appends its role to a list
inports:
  in: { queue: "#ROLE.IN", type: array }
outports:
  out: { queue: "#ROLE.OUT", type: array }
`;
const components = {
  'core/Repeat': `${path.join(build, 'msgflo/examples/msgflo-repeat')} --role #ROLE`,
  'test/Append': `${path.join(__dirname, 'node_modules/.bin/msgflo-nodejs')} --name #ROLE ${path.join(__dirname, 'mqtt_peer.js')}`,
};

const append = (content) => Buffer.from(JSON.stringify([...JSON.parse(content), 'foreign']));

// Each starts a broker in dir and the foreign worker on it, and returns { url, end }.
const kinds = {
  async RabbitMQ() {
    const server = new ScratchBroker();
    const { url } = server.vhost('polyglot');
    const connection = await amqp.connect(url);
    const channel = await connection.createChannel();
    await channel.assertQueue('foreign.IN', { durable: true, deadLetterExchange: 'dead-foreign.IN' });
    await channel.assertExchange('foreign.OUT', 'fanout', { durable: true });
    await channel.consume('foreign.IN', (message) => {
      channel.publish('foreign.OUT', '', append(message.content));
      channel.ack(message);
    });
    return { url, end: async () => { await connection.close(); server.remove(); } };
  },

  async Mosquitto() {
    const services = (...args) => execFileSync(path.join(root, 'bin/lib/services'), args, { encoding: 'utf8' });
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'imageresize-interop-'));
    const [url] = services('mosquitto', 'start', dir).split('\n');
    const client = mqtt.connect(url);
    client.on('message', (topic, body) => client.publish('foreign.OUT', append(body)));
    await new Promise((resolve, reject) => client.subscribe('foreign.IN', (e) => (e ? reject(e) : resolve())));
    return { url, end: () => { client.end(true); services('remove', dir); fs.rmSync(dir, { recursive: true, force: true }); } };
  },
};

for (const [name, start] of Object.entries(kinds)) {
  describe(`a graph of three kinds of participants on ${name}`, () => {
    let broker;
    let dir;
    let network;
    let register;
    before(async () => {
      broker = await start();
      dir = fs.mkdtempSync(path.join(os.tmpdir(), 'msgflo-polyglot-'));
      for (const [file, text] of [['graph.fbp', GRAPH], ['foreign.yml', FOREIGN], ['library.json', JSON.stringify({ components })]]) {
        fs.writeFileSync(path.join(dir, file), text);
      }
      const env = { ...process.env, MSGFLO_BROKER: broker.url, MSGFLO_DISCOVERY_PERIOD: '2' };
      network = new Network([path.join(dir, 'graph.fbp'), '--library', path.join(dir, 'library.json')], env);
      register = spawn(msgflo, ['register', '--role', `foreign:${path.join(dir, 'foreign.yml')}`, '--interval', '2'],
        { env, stdio: ['ignore', 'ignore', 'inherit'] });
    });
    after(async () => {
      if (register) register.kill();
      if (network) await network.stop();
      if (broker) await broker.end();
      if (dir) fs.rmSync(dir, { recursive: true });
    });

    it('carries a message through all of them', async () => {
      const editor = await Editor.open(network);
      await editor.flows(['first'], ['first', 'node', 'foreign']);
      for (let i = 0; i < 20; i++) {
        editor.feed([i]);
      }
      for (let i = 0; i < 20; i++) {
        await editor.hears('runtime', 'packet', (p) => JSON.stringify(p.payload) === JSON.stringify([i, 'node', 'foreign']));
      }
    });
  });
}
