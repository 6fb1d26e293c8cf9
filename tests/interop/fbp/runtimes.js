// The runtimes that are compared: ours and npm's msgflo on a broker, and noflo-nodejs.
'use strict';
const { execFileSync, spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { ScratchBroker, build, root } = require('../broker.js');
const { connect, freePort } = require('./wire.js');

const SECRET = 'pokuhalako'; // noflo-nodejs allows nothing without one
const examples = path.join(build, 'msgflo/examples');

// A program in a process group of its own, with its output in a file.
class Program {
  constructor(dir, name, command, args, options = {}) {
    this.log = path.join(dir, `${name}.log`);
    const fd = fs.openSync(this.log, 'w');
    this.child = spawn(command, args, { cwd: dir, detached: true, stdio: ['ignore', fd, fd], ...options });
    fs.closeSync(fd);
    this.ended = new Promise((resolve) => {
      this.child.on('exit', (code, signal) => resolve(code ?? signal));
      this.child.on('error', (e) => resolve(e.message));
    });
  }

  get isRunning() {
    return this.child.exitCode === null && this.child.signalCode === null && this.child.pid !== undefined;
  }

  // Its exit status, or the signal's name.
  async stop() {
    if (this.isRunning) this.child.kill('SIGTERM');
    const timer = setTimeout(() => process.kill(-this.child.pid, 'SIGKILL'), 15000);
    const status = await this.ended;
    clearTimeout(timer);
    return status;
  }
}

// The brokers, each { url, close() }.
const brokers = {
  async rabbitmq() {
    const server = new ScratchBroker();
    return { url: server.vhost('fbp').url, close: () => server.remove() };
  },

  async mosquitto() {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'imageresize-interop-'));
    const services = (...args) => execFileSync(path.join(root, 'bin/lib/services'), args, { encoding: 'utf8' });
    const close = () => {
      services('remove', dir);
      fs.rmSync(dir, { recursive: true, force: true });
    };
    try {
      const [url] = services('mosquitto', 'start', dir).split('\n');
      return { url, close };
    } catch (e) {
      close();
      throw e;
    }
  },
};

// What they have core/Repeat and core/Drop from: our example participants.
function writeLibrary(dir) {
  const components = Object.fromEntries(['Repeat', 'Drop']
    .map((name) => [name, `${path.join(examples, `msgflo-${name.toLowerCase()}`)} --role #ROLE`]));
  fs.writeFileSync(path.join(dir, 'library.json'), JSON.stringify({ namespace: 'core', components }));
}

// Each: the program and its arguments, for a folder, a port and a broker's URL.
const commands = {
  ours: (dir, port, broker) => [path.join(build, 'msgflo/tool/msgflo'),
    ['run', '--host', '127.0.0.1', '--port', port, '--broker', broker, '--library', 'library.json']],

  msgflo: (dir, port, broker) => [path.join(__dirname, '../node_modules/.bin/msgflo'),
    ['--host', '127.0.0.1', '--port', port, '--broker', broker, '--library', 'library.json']],

  // peers: the folder that has noflo-nodejs and noflo-core
  noflo: (dir, port, peers) => [path.join(peers, 'node_modules/.bin/noflo-nodejs'),
    ['--host', '127.0.0.1', '--port', port, '--base-dir', peers, '--open', 'false', '--mdns', 'false',
      '--secret', SECRET]],
};

// One of those, running: { port, program, dir }.
class Runtime {
  static async start(kind, where, ...more) {
    const runtime = new Runtime();
    runtime.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'imageresize-fbp-'));
    writeLibrary(runtime.dir);
    runtime.port = await freePort();
    const [command, args] = commands[kind](runtime.dir, `${runtime.port}`, where);
    runtime.program = new Program(runtime.dir, kind, command, [...args, ...more]);
    try {
      (await connect(runtime.port)).close();
    } catch (e) {
      const log = runtime.log();
      await runtime.stop();
      throw new Error(`${kind} does not start: ${e.message}\n${log}`);
    }
    return runtime;
  }

  log() {
    return fs.readFileSync(this.program.log, 'utf8');
  }

  get isRunning() {
    return this.program.isRunning;
  }

  async stop() {
    const status = await this.program.stop();
    fs.rmSync(this.dir, { recursive: true, force: true });
    return status;
  }
}

module.exports = { Program, SECRET, Runtime, brokers, root };
