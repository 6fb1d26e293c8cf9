// app.json, .env.example and .buildpacks: what they name exists. The rules of app.json are those of
// Heroku's reference, written out here.
'use strict';
const assert = require('node:assert');
const { spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { it } = require('node:test');
const { build, read, root, settings, types } = require('./project.js');

const app = JSON.parse(read('app.json'));
const sizes = ['eco', 'basic', 'standard-1x', 'standard-2x', 'performance-m', 'performance-l'];

// That the object has no other members than these, each as its check says.
function members(object, what, checks) {
  for (const [name, value] of Object.entries(object)) {
    assert.ok(checks[name], `${what}.${name} is not known to Heroku`);
    assert.ok(checks[name](value) !== false, `${what}.${name}: ${JSON.stringify(value)}`);
  }
}

// A port that nobody listens on.
async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const text = (value) => typeof value === 'string' && value !== '';
const addon = (value) => /^[a-z-]+:[a-z0-9-]+$/.test(value.plan ?? value);
const env = (value) => Object.entries(value).forEach(([name, about]) => {
  assert.ok(settings.has(name), `${name} is no setting`);
  members(about, name, { description: text, value: text, required: (v) => typeof v === 'boolean', generator: (v) => v === 'secret' });
});
const formation = (value) => Object.entries(value).forEach(([type, about]) => {
  assert.ok(types.includes(type), `${type} is no process type of the Procfile`);
  members(about, type, { quantity: (n) => Number.isInteger(n) && n >= 0, size: (size) => sizes.includes(size) });
});
const buildpacks = (value) => value.forEach((b) => members(b, 'buildpack', { url: text }));

it('knows the settings there are', () => {
  for (const name of ['PORT', 'CLOUDAMQP_URL', 'BUCKETEER_BUCKET_NAME', 'GUV_HEROKU_TOKEN', 'HEROKU_API_KEY']) {
    assert.ok(settings.has(name), name);
  }
});

it('app.json has what Heroku knows, and names what there is', () => {
  members(app, 'app.json', {
    name: (value) => /^[a-zA-Z\-_.]+$/.test(value) && value.length <= 300,
    description: text,
    keywords: (value) => value.every(text),
    success_url: (value) => value.startsWith('/'),
    buildpacks,
    addons: (value) => value.every(addon),
    env,
    formation,
    environments: (value) => members(value, 'environments', {
      test: (test) => members(test, 'test', {
        addons: (list) => list.every(addon),
        buildpacks,
        env,
        formation,
        scripts: (scripts) => members(scripts, 'scripts', { 'test-setup': text, test: text }),
      }),
    }),
  });
});

it('app.json begins with one of each that a job needs, in one tier', () => {
  assert.deepStrictEqual(Object.keys(app.formation).sort(), [...types].sort());
  assert.deepStrictEqual(types.filter((type) => app.formation[type].quantity === 0), ['guv']);
  assert.strictEqual(new Set(Object.values(app.formation).map((f) => f.size)).size, 1);
});

// The first unpacks what the second builds with, by bin/compile.
it('app.json and .buildpacks name the same buildpacks in the same order', () => {
  assert.deepStrictEqual(app.buildpacks.map((b) => b.url), ['heroku-community/apt', 'heroku-community/inline']);
  assert.deepStrictEqual(read('.buildpacks').trim().split('\n'), app.buildpacks.map((b) => b.url
    .replace('heroku-community/', 'https://github.com/heroku/heroku-buildpack-').concat('.git')));
});

it('app.json tests with a program that is there', () => {
  fs.accessSync(path.join(root, app.environments.test.scripts.test), fs.constants.X_OK);
});

// Each comment that is a setting, too.
const example = [...read('.env.example').matchAll(/^#?([A-Z][A-Z0-9_]*)=(.*)$/gm)];

it('.env.example names settings there are, and those that must be set', () => {
  for (const [, name] of example) assert.ok(settings.has(name), `${name} is no setting`);
  const set = example.filter(([line]) => !line.startsWith('#')).map(([, name]) => name);
  assert.deepStrictEqual(set, ['DATABASE_URL', 'MSGFLO_BROKER']);
});

it('.env.example is read alike by all who read it', () => {
  for (const line of read('.env.example').split('\n')) {
    assert.match(line, /^($|# |#?[A-Z][A-Z0-9_]*=[^\s'"#$\\]*$)/);
  }
});

// formation hands it to the programs, of which each says what is wrong with its settings.
it('.env.example with all of it set is taken by formation and by web', async () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'imageresize-env-'));
  fs.writeFileSync(path.join(dir, 'env'), read('.env.example').replace(/^#([A-Z].*=)/gm, '$1'));
  fs.writeFileSync(path.join(dir, 'Procfile'), `settings: env\nweb: ${build}/web/imageresize-web --role web\n`);
  const formation = spawn(`${build}/guv/formation`, [path.join(dir, 'Procfile'), '--env', path.join(dir, 'env'),
    '--base-port', String(await freePort())], { env: { PATH: process.env.PATH } });
  const ended = new Promise((resolve) => formation.on('close', resolve));
  let said = '';
  const decided = new Promise((resolve) => {
    for (const stream of [formation.stdout, formation.stderr]) {
      stream.on('data', (data) => {
        said += data;
        if (/event=(listening|bad_setting)/.test(said) && said.includes('GUV_APP=')) resolve();
      });
    }
    ended.then(resolve);
  });
  await decided;
  formation.kill();
  await ended;
  fs.rmSync(dir, { recursive: true });
  assert.match(said, /event=listening/);
  assert.doesNotMatch(said, /event=bad_setting/);
  for (const [, name, value] of example) {
    if (name !== 'PORT') assert.ok(said.includes(`${name}=${value}`), `${name} in ${said}`); // formation's own
  }
});

it('.env is ignored by git, and .env.example is not', () => {
  const ignored = (file) => spawnSync('git', ['-C', root, 'check-ignore', '-q', file]).status;
  assert.deepStrictEqual([ignored('.env'), ignored('.env.example')], [0, 1]);
});
