// WebSockets for the tests: a client of the FBP protocol, and a relay that hears what passes.
'use strict';
const http = require('node:http');
const net = require('node:net');
const { client: WebSocketClient, server: WebSocketServer } = require('websocket');

const MAX_BYTES = 64 * 1024 * 1024;
const PATIENCE_MS = 30000;

// Resolves to the connection, once there is a listener.
async function connect(port, options = {}) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await new Promise((resolve, reject) => {
        const client = new WebSocketClient({ maxReceivedFrameSize: MAX_BYTES, maxReceivedMessageSize: MAX_BYTES,
          ...options });
        client.on('connect', resolve);
        client.on('connectFailed', reject);
        client.connect(`ws://127.0.0.1:${port}/`, 'noflo');
      });
    } catch (e) {
      if (!/ECONNREFUSED/.test(e.message) || Date.now() > deadline) throw e;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

// A client that can wait for what it is told.
class Client {
  static async open(port, options) {
    return new Client(await connect(port, options));
  }

  constructor(connection) {
    this.connection = connection;
    this.heard = []; // all messages, as text
    this.unread = []; // those that nobody has waited for, parsed
    this.wake = () => {};
    connection.on('message', ({ utf8Data }) => {
      this.heard.push(utf8Data);
      this.unread.push(JSON.parse(utf8Data));
      this.wake();
    });
    connection.on('close', (code) => {
      this.code = code;
      this.wake();
    });
  }

  send(protocol, command, payload, more = {}) {
    this.sendText(JSON.stringify({ protocol, command, payload, ...more }));
  }

  sendText(text) {
    this.connection.sendUTF(text);
  }

  // The next message of that name for which `test` holds; others before it are forgotten.
  async next(name, test = () => true) {
    const deadline = Date.now() + PATIENCE_MS;
    const passed = [];
    for (;;) {
      while (this.unread.length > 0) {
        const message = this.unread.shift();
        if (`${message.protocol}:${message.command}` === name && test(message)) return message;
        passed.push(message);
      }
      if (this.code !== undefined) throw new Error(`closed with ${this.code} before ${name}`);
      await this.change(deadline, () => `no ${name}, but ${JSON.stringify(passed).slice(0, 2000)}`);
    }
  }

  // The code that the connection is closed with.
  async closed() {
    const deadline = Date.now() + PATIENCE_MS;
    while (this.code === undefined) await this.change(deadline, () => 'the connection stays');
    return this.code;
  }

  change(deadline, why) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(why())), Math.max(deadline - Date.now(), 0));
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  close() {
    this.connection.drop(1000, '', true);
  }
}

// Passes messages on between clients of its port and the runtime; `heard` is what that has said.
class Relay {
  static async open(port) {
    const relay = new Relay();
    relay.heard = [];
    relay.http = http.createServer();
    await new Promise((resolve) => { relay.http.listen(0, '127.0.0.1', resolve); });
    relay.port = relay.http.address().port;
    relay.server = new WebSocketServer({ httpServer: relay.http, maxReceivedFrameSize: MAX_BYTES,
      maxReceivedMessageSize: MAX_BYTES });
    relay.server.on('request', async (request) => {
      const near = request.accept(request.requestedProtocols[0], request.origin);
      const waiting = []; // messages that come before the runtime is reached
      near.on('message', ({ utf8Data }) => waiting.push(utf8Data));
      const far = await connect(port);
      near.removeAllListeners('message');
      near.on('message', ({ utf8Data }) => far.sendUTF(utf8Data));
      waiting.forEach((text) => far.sendUTF(text));
      far.on('message', ({ utf8Data }) => {
        relay.heard.push(utf8Data);
        near.sendUTF(utf8Data);
      });
      near.on('close', () => far.close());
      far.on('close', () => near.close());
    });
    return relay;
  }

  close() {
    this.server.shutDown();
    this.http.close();
  }
}

function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

module.exports = { Client, Relay, connect, freePort };
