// Our .fbp parser beside npm's fbp: what that accepts gives the same graph here, and comes back the
// same from being written; what it refuses is refused here, with the place and a hint. Texts are the
// cases of tests/data/fbp, some made by the grammar, and all of these with mistakes put in, from a
// seed: FBP_SEED and FBP_TEXTS in the environment try others, and more.
'use strict';
const assert = require('node:assert');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const { it, before } = require('node:test');
const path = require('node:path');
const fbp = require('fbp');
const { build, root } = require('./broker.js');

const seed = Number(process.env.FBP_SEED || 1);
const count = Number(process.env.FBP_TEXTS || 8000);

// What we refuse on purpose (msgflo/graph/fbp.h), by our message.
const OURS = /port index above|nested deeper|real number overflow|invalid Unicode '.uD|NUL byte in object key/;

// mulberry32: the same numbers everywhere
let state = seed;
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}

const below = (n) => Math.floor(random() * n);
const pick = (list) => list[below(list.length)];
const chance = (p) => random() < p;
const some = (max, make, glue = '') => Array.from({ length: below(max + 1) }, make).join(glue);

// ---- texts by the grammar, with its corners rather more often than people write them

const blanks = () => (chance(0.9) ? ' '.repeat(1 + (chance(0.2) ? below(3) : 0)) : '');
const maybeBlanks = () => (chance(0.3) ? ' ' : '');
const word = (first, rest) => pick(first) + some(3, () => pick(rest));
const nodeName = () => (chance(0.8) ? pick(['a', 'b', 'c', 'Read_1', 'x-y', 'IN', 'OUT', 'true', 'e1'])
  : word('abAB_', 'aZ09_-'));
const component = () => `(${chance(0.9) ? pick(['A', 'core/Repeat', 'my-ns/B_2', '9', 'a//b', '-/-x']) : ''}${
  chance(0.3) ? `:${metadata()}` : ''})`;
const metadata = () => (chance(0.9)
  ? some(3, () => pick(['x=1', 'y=2', 'x=', 'y=1e3', 'x=12e', 'main', 'k=v', 'a=b=c', '=', 'x=007', 'k=', 'y=Infinity',
    `x=${'123456789'.repeat(1 + below(5))}`, 'x=1e308', 'y=9e400', 'x=4e0', 'routes=r', ',']), ',')
  : some(4, () => pick('ab/=_,019')));
const port = () => (chance(0.8) ? pick(['IN', 'OUT', 'in', 'Err.x', '_p', 'A1']) : word('abAB_', 'aZ09_.'))
  + (chance(0.2) ? `[${pick(['0', '1', '12', '007', '999999'])}]` : '');
const node = () => (chance(0.1) ? component() : nodeName() + (chance(0.5) ? component() : ''));
const number = () => (chance(0.1) ? '-' : '') + pick(['0', '1', '10', '9007199254740993', '12345678901234567890'])
  + (chance(0.3) ? `.${pick(['0', '5', '25', '000001'])}` : '')
  + (chance(0.2) ? pick(['e', 'E']) + pick(['', '+', '-']) + pick(['0', '2', '30', '005']) : '');
const character = () => pick(['a', 'ä', '€', '😀', '\\n', '\\"', '\\\\', '\\/', '\\u00e4', '\\ud83d\\ude00', '\\b', "'", '#',
  ',', '->', ' ', '\u2028', '\x7f', '\\u0000']);
const string = () => `"${some(5, character)}"`;
const space = () => (chance(0.3) ? pick([' ', '\n', '\t', '\r', '  ']) : '');
function json(depth) {
  const spaced = (text) => space() + text + space();
  if (depth === 0 || chance(0.4)) return pick([number, string, () => pick(['true', 'false', 'null'])])();
  if (chance(0.5)) return `[${spaced(some(3, () => json(depth - 1), spaced(',')))}]`;
  return `{${spaced(some(3, () => string() + spaced(':') + json(depth - 1), spaced(',')))}}`;
}
const quoted = () => `'${some(6, () => pick(['a', ' ', '"', "\\'", '\\', '\\\\n', '\n', 'ä', '#', ',', '->', '\t']))}'`;
const iip = () => pick([quoted, string, number, () => json(3)])();
const arrow = () => `${blanks()}->${blanks()}`;
const side = () => (chance(0.5) ? port() + blanks() : '') + node() + (chance(0.5) ? blanks() + port() : '');
const statement = () => {
  const parts = Array.from({ length: 1 + below(chance(0.2) ? 5 : 2) }, side);
  if (chance(0.3)) parts.unshift(iip());
  return parts.join(arrow());
};
const annotation = () => `#${blanks()}@${pick(['runtime', 'name', 'a-b', '1', 'environment', '__'])}${blanks()}${
  pick(['noflo', 'a b ', 'x.y', '-', 'ä', 'q?'])}`;
const line = () => pick([statement, statement, statement, statement, statement,
  () => `${pick(['INPORT', 'OUTPORT'])}=${node()}.${port()}:${port()}`,
  () => `${pick(['DEFAULT_INPORT', 'DEFAULT_OUTPORT'])}=${port()}`,
  () => `#${pick(['', ' comment', '# -> x', ' @name', '@x y', '\tä'])}`,
  annotation, () => ''])();
const lineEnd = () => (chance(0.85) ? '\n' : pick(['\r\n', ',', ', ', ',\n', ' # c\n', '\u2028', '\u2029', ' ', '', '\r']));
// Every process has a component, most of the time: without one nothing is accepted.
const byGrammar = () => {
  const text = Array.from({ length: 1 + below(6) }, () => maybeBlanks() + line() + maybeBlanks()).map((l) => l + lineEnd())
    .join('');
  const names = ['a', 'b', 'c', 'Read_1', 'x-y', 'IN', 'OUT', 'true', 'e1'];
  return chance(0.8) ? `${text}\n${names.map((name) => `${name}(C)\n`).join('')}` : text;
};

// ---- mistakes

const tokens = ['->', '-', '>', '(', ')', ':', '.', ',', '=', '[', ']', '{', '}', "'", '"', '\\', '#', '@', ' ', '\t', '\n', '\r',
  '\0', '0', '1', '-1', 'a', 'IN', 'ä', '\u2028', '\u00a0', 'INPORT=', 'OUTPORT=', 'DEFAULT_INPORT=', '# @runtime ', '%'];
function withMistake(text) {
  const characters = [...text];
  const at = below(characters.length + 1);
  const length = 1 + (chance(0.3) ? below(8) : 0);
  switch (below(5)) {
    case 0: characters.splice(at, length); break;
    case 1: characters.splice(at, 0, pick(tokens)); break;
    case 2: characters.splice(at, length, pick(tokens)); break;
    case 3: characters.splice(below(characters.length + 1), 0, ...characters.slice(at, at + length * 3)); break;
    default: characters.length = at;
  }
  return characters.join('');
}

function makeTexts() {
  const cases = ['valid', 'invalid'].flatMap((kind) => {
    const dir = path.join(root, 'tests/data/fbp', kind);
    return fs.readdirSync(dir).sort().map((name) => fs.readFileSync(path.join(dir, name, 'input.fbp'), 'utf8'));
  });
  const short = cases.filter((text) => text.length < 2000 && !text.includes('\ufffd'));
  const texts = [...cases.filter((text) => !text.includes('\ufffd'))];
  while (texts.length < count) {
    let text = chance(0.5) ? byGrammar() : pick(chance(0.3) ? texts.slice(-50) : short);
    for (let n = chance(0.3) ? 0 : 1 + below(3); n > 0; n--) text = withMistake(text);
    if (text.length < 4000) texts.push(text.toWellFormed ? text.toWellFormed() : text);
  }
  return texts.map((text) => ({ text, caseSensitive: chance(0.2) }));
}

// ---- both parsers

function readByNpm({ text, caseSensitive }) {
  try {
    return { graph: JSON.parse(JSON.stringify(fbp.parse(text, { caseSensitive }))) };
  } catch (e) {
    return { error: e.message };
  }
}

function readByUs(texts) {
  const input = Buffer.concat(texts.flatMap(({ text, caseSensitive }) => {
    const bytes = Buffer.from(text);
    return [Buffer.from(`${Number(caseSensitive)} ${bytes.length}\n`), bytes];
  }));
  const output = execFileSync(path.join(build, 'tests/interop/fbp_reader'), { input, encoding: 'utf8', maxBuffer: 1 << 30 });
  // once more by way of JavaScript, whose JSON knows no -0
  return output.trim().split('\n').map((answer) => JSON.parse(JSON.stringify(JSON.parse(answer))));
}

// Calls check(text, npm's result, ours) for each, and fails with the shortest text it throws at.
function forEach(check) {
  const wrong = [];
  for (const [i, { text }] of texts.entries()) {
    try {
      check(text, theirs[i], ours[i]);
    } catch (e) {
      wrong.push({ text, caseSensitive: texts[i].caseSensitive, e });
    }
  }
  wrong.sort((a, b) => a.text.length - b.text.length);
  if (wrong.length === 0) return;
  const { text, caseSensitive, e } = wrong[0];
  assert.fail(`${wrong.length} of ${texts.length}; the shortest: ${JSON.stringify(text)}, case-sensitive ${caseSensitive}: ${e.message}`);
}

let texts;
let theirs;
let ours;
before(() => {
  texts = makeTexts();
  theirs = texts.map(readByNpm);
  ours = readByUs(texts);
  assert.strictEqual(ours.length, texts.length);
});

it('the texts are of both kinds, and few of those that we refuse on purpose', () => {
  const accepted = theirs.filter(({ graph }) => graph).length;
  const onPurpose = texts.filter((_, i) => theirs[i].graph && OURS.test(ours[i].error)).length;
  assert.ok(accepted > count / 5 && accepted < count * 4 / 5, `${accepted} of ${count} accepted`);
  assert.ok(onPurpose < count / 50, `${onPurpose} of ${count} refused by us alone`);
});

it('what npm fbp accepts gives the same graph', () => {
  forEach((text, npm, own) => {
    if (!npm.graph || OURS.test(own.error)) return;
    assert.strictEqual(own.error, undefined);
    assert.deepStrictEqual(own.graph, npm.graph);
    assert.deepStrictEqual(Object.keys(own.graph.processes), Object.keys(npm.graph.processes));
  });
});

it('what npm fbp refuses is refused, with line, column and a hint', () => {
  forEach((text, npm, own) => {
    if (npm.graph) return;
    assert.ok(own.error, `accepted; npm fbp says ${npm.error}`);
    const place = `line ${own.line}, column ${own.column}: `;
    assert.ok(own.error.startsWith(place) && own.error.length >= place.length + 10, own.error);
    const lines = text.split(/\r\n|[\n\r\u2028\u2029]/);
    assert.ok(own.line <= lines.length && own.column <= [...lines[own.line - 1]].length + 1, `${own.error} is outside`);
  });
});

it('what is read is the same after it has been written', () => {
  forEach((text, npm, own) => {
    if (own.error) return;
    assert.deepStrictEqual(own.again, own.graph, own.written);
    assert.deepStrictEqual(Object.keys(own.again.processes), Object.keys(own.graph.processes));
  });
});

it('what is written is the same to npm fbp', () => {
  forEach((text, npm, own) => {
    if (own.error) return;
    const { graph, error } = readByNpm({ text: own.written, caseSensitive: own.graph.caseSensitive });
    assert.deepStrictEqual(graph, own.graph, `${error}: ${own.written}`);
  });
});
