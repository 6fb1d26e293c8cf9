// How many cases of the two suites pass, for our runtime on both brokers, npm's msgflo and noflo-nodejs:
//   IMAGERESIZE_TEST_BUILD=build/release node tests/interop/fbp/count.js
// Installs noflo-nodejs into build/fbp-peers unless it is there. Takes some minutes.
'use strict';
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { Runtime, SECRET, brokers, root } = require('./runtimes.js');
const { faults } = require('./schemas.js');
const { fbpSpec, fbpTest } = require('./suites.js');
const { Relay } = require('./wire.js');

function installPeers() {
  const dir = path.join(root, 'build/fbp-peers');
  if (fs.existsSync(path.join(dir, 'node_modules/noflo-core'))) return dir;
  fs.mkdirSync(dir, { recursive: true });
  fs.writeFileSync(path.join(dir, 'package.json'), JSON.stringify({ name: 'peers', version: '1.0.0', private: true,
    dependencies: { 'noflo-core': '0.6.1', 'noflo-nodejs': '0.15.3' } }));
  execFileSync('npm', ['install', '--no-package-lock', '--no-audit', '--no-fund'], { cwd: dir, stdio: 'inherit' });
  return dir;
}

// "22/22, 53 messages, none invalid"
async function count(kind, where, suite, secret) {
  const runtime = await Runtime.start(kind, where);
  const relay = await Relay.open(runtime.port);
  try {
    const { passed, cases } = await suite(relay.port, secret);
    const invalid = relay.heard.filter((text) => faults(text).length > 0).length;
    return `${passed}/${cases}, ${relay.heard.length} messages, ${invalid || 'none'} invalid`;
  } finally {
    relay.close();
    await runtime.stop();
  }
}

async function line(name, kind, where, secret) {
  for (const [what, suite] of [['fbp-test', fbpTest], ['fbp-spec', fbpSpec]]) {
    console.log(`${name}: ${what} ${await count(kind, where, suite, secret)}`);
  }
}

async function main() {
  for (const [name, open] of Object.entries(brokers)) {
    const broker = await open();
    try {
      await line(`msgflo run, ${name}`, 'ours', broker.url);
      await line(`npm msgflo, ${name}`, 'msgflo', broker.url);
    } finally {
      await broker.close();
    }
  }
  await line('noflo-nodejs', 'noflo', installPeers(), SECRET);
}

main().then(() => process.exit(0), (e) => {
  console.error(e);
  process.exit(1);
});
