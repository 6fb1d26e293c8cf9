// An edge of a live network is moved to another participant, by an editor, while 1,000 messages a
// second flow through it.
'use strict';
const assert = require('node:assert');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { after, before, describe, it } = require('node:test');
const amqp = require('amqplib');
const { ScratchBroker, build } = require('./broker.js');
const { Editor, MAIN, Network, msgflo, until } = require('./live.js');

const repeat = path.join(build, 'msgflo/examples/msgflo-repeat');
const COUNT = 5000; // one a millisecond, and more of them while the move lasts
const COUNT_MAX = 60000;
const LEAST = COUNT / 10; // to each
const edge = (to) => ({ graph: MAIN, src: { node: 'src', port: 'out' }, tgt: { node: to, port: 'in' } });

// The participants a and b are ours to watch: only announced, by `msgflo register`.
const foreign = 'component: test/Sink\ninports:\n  in: { queue: "#ROLE.IN", type: any }\n';

describe('moving an edge at 1,000 messages a second', () => {
  let server;
  before(() => { server = new ScratchBroker(); });
  after(() => server && server.remove());

  // What a and b got: [{ id, body }, ...] each; and how many were sent.
  async function move(vhost, settings) {
    const broker = server.vhost(vhost);
    const dir = fs.mkdtempSync(path.join(server.dir, 'move-'));
    const file = (name, text) => {
      fs.writeFileSync(path.join(dir, name), text);
      return path.join(dir, name);
    };
    const env = { ...process.env, MSGFLO_BROKER: broker.url, ...settings(server.management) };
    const connection = await amqp.connect(broker.url);
    const channel = await connection.createChannel();
    const got = { a: [], b: [] };
    let sent = 0;
    for (const role of ['a', 'b']) {
      await channel.assertQueue(`${role}.IN`, { durable: true, deadLetterExchange: `dead-${role}.IN` });
      await channel.consume(`${role}.IN`, ({ properties, content }) => got[role]
        .push({ id: properties.messageId, body: String(content) }), { noAck: true });
    }
    const register = spawn(msgflo, ['register', ...['a', 'b'].flatMap((role) => ['--role',
      `${role}:${file('sink.yml', foreign)}`]), '--interval', '2'], { env, stdio: ['ignore', 'ignore', 'inherit'] });
    const network = new Network([file('graph.fbp', 'src(core/Repeat) OUT -> IN a(test/Sink)\nb(test/Sink)\n'),
      '--library', file('library.json', JSON.stringify({ components: { 'core/Repeat': `${repeat} --role #ROLE` } }))], env);
    try {
      const editor = await Editor.open(network);
      await until(async () => (await broker.bindings()).includes('src.OUT -> queue a.IN'), () => 'the first binding');
      const began = Date.now();
      // On until the move is well behind them, however long it takes.
      while (sent < COUNT || (got.b.length <= LEAST && sent < COUNT_MAX)) {
        while (sent > Date.now() - began) await new Promise((resolve) => setTimeout(resolve, 5));
        if (sent === COUNT / 2) {
          editor.say('graph', 'removeedge', edge('a'));
          editor.say('graph', 'addedge', edge('b'));
        }
        channel.sendToQueue('src.IN', Buffer.from(String(sent)));
        sent += 1;
      }
      const bodies = () => new Set([...got.a, ...got.b].map(({ body }) => body)).size;
      await until(() => bodies() === sent, () => `${sent} messages, of which ${bodies()} came`);
      assert.deepStrictEqual((await broker.bindings()).filter((b) => b.startsWith('src.OUT ')), ['src.OUT -> queue b.IN']);
    } finally {
      await network.stop();
      register.kill();
      await connection.close();
    }
    assert.ok(got.a.length > LEAST && got.b.length > LEAST, `${got.a.length} to a, ${got.b.length} to b`);
    return { ...got, sent };
  }

  it('takes each message to one of the two, once, where the management API is there', async () => {
    const got = await move('exact', (management) => ({ MSGFLO_MANAGEMENT_URL: management }));
    assert.strictEqual(got.a.length + got.b.length, got.sent);
  });

  it('loses none without it, and what both get has one message id', async () => {
    const got = await move('overlapping', () => ({ MSGFLO_MANAGEMENT_URL: '' }));
    const ids = new Map();
    for (const { id, body } of [...got.a, ...got.b]) {
      assert.ok(id, 'a message id');
      assert.strictEqual(ids.get(body) || id, id);
      ids.set(body, id);
    }
    assert.strictEqual(new Set(ids.values()).size, got.sent);
  });
});
