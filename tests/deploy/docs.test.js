// docs/operations.md: what operators are told of is there.
'use strict';
const assert = require('node:assert');
const { it } = require('node:test');
const { read } = require('./project.js');

const page = read('docs/operations.md');

it('has a row for each metric of guv, and no others', () => {
  const names = (text, pattern) => [...new Set([...text.matchAll(pattern)].map((m) => m[1]))].sort();
  assert.deepStrictEqual(names(page, /`(guv_[a-z_]+)`/g), names(read('guv/live/report.c'), /"(guv_[a-z_]+)/g));
});

it('has each of its links to a heading', () => {
  const headings = [...page.matchAll(/^#+ (.*)$/gm)].map((m) => m[1].toLowerCase().replace(/[^a-z0-9 -]/g, '').replace(/ /g, '-'));
  const links = [...page.matchAll(/\]\(#([^)]+)\)/g), ...read('README.md').matchAll(/operations\.md#([^)]+)\)/g)].map((m) => m[1]);
  assert.ok(links.length > 3);
  assert.deepStrictEqual(links.filter((link) => !headings.includes(link)), []);
});
