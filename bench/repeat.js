// The Repeat participant of npm's msgflo-nodejs, as the package has it in examples/, with a prefetch.
//     node repeat.js URL ROLE PREFETCH
'use strict';
const path = require('node:path');
const interop = path.join(__dirname, '../tests/interop/node_modules');
require(path.join(interop, 'coffeescript/register'));
const msgflo = require(path.join(interop, 'msgflo-nodejs'));
const Repeat = require(path.join(interop, 'msgflo-nodejs/examples/Repeat.coffee'));

const [url, role, prefetch] = process.argv.slice(2);
const client = msgflo.transport.getClient(url, { prefetch: Number(prefetch) });
Repeat(client, role).start((e) => {
  if (e) throw e;
});
