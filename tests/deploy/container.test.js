// deploy/Dockerfile: it can be read, needs no root, and its packages are those that the programs need.
'use strict';
const assert = require('node:assert');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { it } = require('node:test');
const { DockerfileParser } = require('dockerfile-ast');
const { validate } = require('dockerfile-utils');
const { build, procfile, read, root } = require('./project.js');

const text = read('deploy/Dockerfile');
const stages = [];
for (const i of DockerfileParser.parse(text).getInstructions()) {
  if (i.getKeyword() === 'FROM') stages.push([]);
  stages.at(-1)?.push({ word: i.getKeyword(), text: i.getTextContent(), rest: i.getArgumentsContent() ?? '', args: i.getArguments().map(String) });
}
const [building, running] = stages;

// The packages that the stage installs.
function packages(stage) {
  const words = stage.map(({ word, rest }) => (word === 'RUN' ? rest : '')).join(' && ').replace(/\\\n/g, ' ').split(/\s+/);
  const list = [];
  for (let at = words.indexOf('install'); at >= 0 && ++at < words.length && words[at] !== '&&';) {
    if (!words[at].startsWith('-')) list.push(words[at]);
  }
  return list;
}

// Ubuntu's and later Debian's names of libraries with 64-bit times.
const plain = (name) => name.replace(/t64$/, '');

it('is a Dockerfile of two stages', () => {
  assert.deepStrictEqual(validate(text).map((problem) => problem.message), []);
  assert.strictEqual(stages.length, 2);
});

it('runs as a number that is not root, and lets the command be chosen', () => {
  const words = running.map(({ word }) => word);
  assert.match(running[words.indexOf('USER')].rest, /^[1-9]\d*:[1-9]\d*$/);
  assert.ok(!words.includes('ENTRYPOINT'));
  assert.strictEqual(JSON.parse(running[words.indexOf('CMD')].rest).join(' '), procfile.web);
  assert.deepStrictEqual(words.filter((word) => word === 'RUN'), ['RUN'], 'packages alone: the rest is copied');
});

it('copies what is there, from the first stage only what is installed there', () => {
  for (const { text: line, args } of running.filter(({ word }) => word === 'COPY')) {
    if (line.includes('--from=build ')) assert.strictEqual(args[0], '/app/dist');
    else fs.accessSync(path.join(root, args[0]));
  }
  const installed = building.find(({ rest }) => rest.includes('cmake --install')).rest;
  assert.match(installed, /--prefix \/app\/dist --component programs/);
});

it('builds with the packages that bin/up builds with', () => {
  const wanted = execFileSync('bash', ['-c', `. bin/lib/common.sh; . bin/lib/packages.sh
    dpkg-query() { :; }; have() { false; }; missing_run_packages; printf '%s\\n' "\${missing[@]}"`], { cwd: root, encoding: 'utf8' });
  const libraries = wanted.trim().split('\n').filter((name) => /-dev$/.test(name)).sort();
  assert.ok(libraries.length > 8);
  assert.deepStrictEqual(packages(building).filter((name) => /-dev$/.test(name)).sort(), libraries);
});

it('has the library packages that the programs ask for, and no others', () => {
  const programs = ['web/imageresize-web', 'workers/resize/imageresize-resize', 'workers/decode/imageresize-decode',
    'workers/store/imageresize-store', 'guv/tool/guv', 'guv/formation', 'msgflo/tool/msgflo'].map((p) => path.join(build, p));
  const libc = /^lib[cm]\.so/; // every image has it
  const needed = new Set(programs.flatMap((program) => [...execFileSync('objdump', ['-p', program], { encoding: 'utf8' })
    .matchAll(/NEEDED +(\S+)/g)].map((m) => m[1])));
  const files = programs.flatMap((program) => [...execFileSync('ldd', [program], { encoding: 'utf8' })
    .matchAll(/^\s*(\S+) => (\S+)/gm)].filter((m) => needed.has(m[1]) && !libc.test(m[1])).map((m) => fs.realpathSync(m[2])));
  const owners = new Set([...execFileSync('dpkg', ['-S', ...new Set(files)], { encoding: 'utf8' })
    .matchAll(/^([^:\n]+):/gm)].map((m) => plain(m[1])));
  const listed = packages(running).filter((name) => /^lib/.test(name));
  assert.deepStrictEqual(listed, [...owners].sort());
});

it('installs packages that there are', () => {
  const known = new Set(execFileSync('apt-cache', ['pkgnames'], { encoding: 'utf8', maxBuffer: 1 << 26 }).split('\n').map(plain));
  assert.deepStrictEqual([...packages(building), ...packages(running)].filter((name) => !known.has(name)), []);
});

it('has what bin/deploy runs', () => {
  for (const name of ['postgresql-client', 'ca-certificates']) assert.ok(packages(running).includes(name), name);
});
