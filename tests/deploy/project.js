// What the files that deploy the service have to agree with.
'use strict';
const fs = require('node:fs');
const path = require('node:path');

const root = path.resolve(__dirname, '../..');
const build = process.env.IMAGERESIZE_TEST_BUILD || path.join(root, 'build/debug');
const read = (file) => fs.readFileSync(path.join(root, file), 'utf8');

// The Procfile: { web: 'dist/bin/imageresize-web --role web', ... }
const procfile = Object.fromEntries(read('Procfile').trim().split('\n').map((line) => line.split(/: (.*)/).slice(0, 2)));

// Those that process types run, without the release phase.
const types = Object.keys(procfile).filter((type) => type !== 'release');

// All settings there are: the README's table, which a unit test holds to the programs', and guv's.
const settings = new Set();
for (const [file, heading] of [['README.md', '\n| setting |'], ['docs/guv.md', '\n| from the environment |']]) {
  const text = read(file);
  const table = text.slice(text.indexOf(heading) + 1).split('\n\n')[0];
  for (const row of table.split('\n').slice(2)) {
    for (const [, name] of row.split(' | ')[0].matchAll(/`([A-Z][A-Z0-9_]*)`/g)) settings.add(name);
  }
}

module.exports = { build, procfile, read, root, settings, types };
