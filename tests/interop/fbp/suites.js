// The two test programs that the FBP world has for runtimes, against one that is running.
'use strict';
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const TIMEOUT_MS = 240000;
const FBP_TEST_CASES = 22; // of version 0.9.8; it does not run, or count, those after a failed set-up

// What the program prints, whatever its status.
function output(args, env) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { env: { ...process.env, ...env }, timeout: TIMEOUT_MS,
      stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    child.stdout.on('data', (data) => { text += data; });
    child.stderr.on('data', (data) => { text += data; });
    child.on('close', () => resolve(text));
  });
}

// fbp-protocol's `fbp-test`: { passed, cases, failures }
async function fbpTest(port, secret = '') {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'imageresize-fbp-test-'));
  fs.writeFileSync(path.join(home, 'fbp-config.json'), JSON.stringify({ name: 'the', host: '127.0.0.1', port,
    collection: 'core', version: '0.7' }));
  const suite = path.join(path.dirname(require.resolve('fbp-protocol/package.json')), 'test/TestWebSocket.js');
  const mocha = require.resolve('mocha/bin/_mocha', { paths: [suite] });
  const text = await output([mocha, '--exit', '--reporter', 'json', suite], { PROJECT_HOME: home,
    FBP_PROTOCOL_SECRET: secret });
  fs.rmSync(home, { recursive: true });
  const report = JSON.parse(text.slice(text.indexOf('{\n  "stats"')));
  return {
    passed: report.stats.passes,
    cases: FBP_TEST_CASES,
    failures: report.failures.map((t) => `${t.fullTitle}: ${t.err.message}`),
  };
}

// fbp-spec on our cases for core/Repeat: { passed, cases, text }
async function fbpSpec(port, secret = '') {
  const bin = path.join(path.dirname(require.resolve('fbp-spec/package.json')), 'bin/fbp-spec');
  const suite = path.join(__dirname, 'repeat.yaml');
  const text = await output([bin, '--address', `ws://127.0.0.1:${port}`, '--secret', secret, suite]);
  return {
    passed: (text.match(/✓|PASS/g) || []).length,
    cases: fs.readFileSync(suite, 'utf8').match(/^\s*- name:/gm).length,
    text,
  };
}

module.exports = { fbpSpec, fbpTest };
