// A live network, `msgflo run` as a program, and an editor that speaks the FBP network protocol to it.
'use strict';
const assert = require('node:assert');
const { spawn } = require('node:child_process');
const path = require('node:path');
const { w3cwebsocket: WebSocket } = require('websocket');
const { build } = require('./broker.js');

const msgflo = path.join(build, 'msgflo/tool/msgflo');
const MAIN = 'default/main';

// `msgflo run` and what it prints.
class Network {
  constructor(args, env) {
    this.output = '';
    this.child = spawn(msgflo, ['run', '--port', '0', ...args], { env: { ...process.env, ...env } });
    this.ended = new Promise((resolve) => this.child.on('close', resolve));
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => { this.output += text; });
    }
  }

  async printed(pattern) {
    return until(() => pattern.exec(this.output), () => `${pattern} in ${this.output}`);
  }

  async stop() {
    this.child.kill('SIGTERM');
    return this.ended;
  }
}

async function until(condition, what) {
  const deadline = Date.now() + 30000;
  for (;;) {
    const value = await condition();
    if (value) return value;
    assert.ok(Date.now() < deadline, `not in time: ${what()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

class Editor {
  static async open(network) {
    const [, address] = await network.printed(/msgflo started on (ws:\S+)/);
    const editor = new Editor();
    editor.heard = [];
    editor.socket = new WebSocket(address, 'noflo');
    editor.socket.onmessage = ({ data }) => editor.heard.push(JSON.parse(data));
    await new Promise((resolve, reject) => {
      editor.socket.onopen = resolve;
      editor.socket.onerror = () => reject(new Error(`no connection to ${address}`));
    });
    return editor;
  }

  say(protocol, command, payload) {
    this.socket.send(JSON.stringify({ protocol, command, payload }));
  }

  // The payload of the next such message; those before it are forgotten.
  async hears(protocol, command, matches = () => true) {
    const is = (m) => m.protocol === protocol && m.command === command && matches(m.payload);
    await until(() => this.heard.some(is), () => `${protocol}:${command} in ${JSON.stringify(this.heard)}`);
    return this.heard.splice(0, this.heard.findIndex(is) + 1).at(-1).payload;
  }

  // Sends a packet to the port `start` each second until it, or what becomes of it, comes out at a
  // port: before all edges are there, it may not. Those sent before it may come out later.
  async flows(payload, result = payload) {
    const again = setInterval(() => this.feed(payload), 1000);
    this.feed(payload);
    try {
      await this.hears('runtime', 'packet', (p) => JSON.stringify(p.payload) === JSON.stringify(result));
    } finally {
      clearInterval(again);
    }
  }

  feed(payload) {
    this.say('runtime', 'packet', { graph: MAIN, port: 'start', event: 'data', payload });
  }
}

module.exports = { Editor, MAIN, Network, msgflo, until };
