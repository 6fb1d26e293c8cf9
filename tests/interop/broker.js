// A RabbitMQ as its operator sees it, and one for a test file that needs nothing else.
'use strict';
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const root = path.resolve(__dirname, '../..');
const build = process.env.IMAGERESIZE_TEST_BUILD || path.join(root, 'build/debug');

// One virtual host of it.
class Broker {
  // url: amqp://, with the virtual host; management: of the management API, with user and password
  constructor(url, management) {
    const api = new URL(management);
    this.url = url;
    this.management = management;
    this.api = `${api.origin}/api`;
    this.authorization = `Basic ${Buffer.from(`${api.username}:${api.password}`).toString('base64')}`;
    this.vhost = encodeURIComponent(new URL(url).pathname.slice(1) || '/');
  }

  // The answer's JSON; undefined if it has none.
  async call(method, address, body) {
    const answer = await fetch(`${this.api}/${address}`, {
      method,
      headers: { Authorization: this.authorization, 'Content-Type': 'application/json' },
      body: body && JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${address}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  }

  declareQueue(name) {
    return this.call('PUT', `queues/${this.vhost}/${name}`, { durable: true });
  }

  declareExchange(name, type = 'fanout') {
    return this.call('PUT', `exchanges/${this.vhost}/${name}`, { type, durable: true });
  }

  bind(exchange, queue, key = '') {
    return this.call('POST', `bindings/${this.vhost}/e/${exchange}/q/${queue}`, { routing_key: key });
  }

  // All but those of the default exchange, which the broker makes by itself.
  async list() {
    return (await this.call('GET', `bindings/${this.vhost}`)).filter((b) => b.source !== '');
  }

  // The same as sorted text, such as "resize.OUT -> queue store.IN".
  async bindings() {
    return (await this.list()).map((b) => `${b.source} -> ${b.destination_type} ${b.destination}`
      + (b.routing_key && ` by ${b.routing_key}`)).sort();
  }

  async unbindAll() {
    for (const b of await this.list()) {
      await this.call('DELETE', `bindings/${this.vhost}/e/${b.source}/${b.destination_type[0]}/${b.destination}`
        + `/${b.properties_key}`);
    }
  }

  // name: type, such as "resize.IN": "quorum"; those of one connection, which cannot be quorum
  // queues, left out
  async queueTypes() {
    const queues = await this.call('GET', `queues/${this.vhost}`);
    return Object.fromEntries(queues.filter((q) => !q.exclusive).map((q) => [q.name, q.type]));
  }
}

// The server that test programs share, in the folder IMAGERESIZE_TEST_SERVICES (bin/lib/services), or
// else a private one; and a folder of the test file's own.
class ScratchBroker {
  constructor() {
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'imageresize-interop-'));
    this.shared = process.env.IMAGERESIZE_TEST_SERVICES;
    this.home = this.shared || this.dir;
    try {
      [this.url, , this.management] = this.services('rabbitmq', 'start', this.home);
    } catch (e) {
      this.remove();
      throw e;
    }
  }

  // The lines that it prints.
  services(...args) {
    return execFileSync(path.join(root, 'bin/lib/services'), args, { encoding: 'utf8' }).trim().split('\n');
  }

  // A fresh virtual host, of a name that no other test file has. kind: classic or quorum, the type of
  // its queues
  vhost(name, kind = 'classic') {
    const [url] = this.services('rabbitmq', 'add-vhost', this.home, `${name}-${process.pid}`, kind);
    return new Broker(url, this.management);
  }

  remove() {
    if (!this.shared) this.services('remove', this.dir);
    fs.rmSync(this.dir, { recursive: true, force: true });
  }
}

module.exports = { Broker, ScratchBroker, build, root };
