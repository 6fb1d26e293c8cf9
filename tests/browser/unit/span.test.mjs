import assert from 'node:assert';
import { test } from 'node:test';
import { Span } from '../../../static/js/span.js';

test('it asks for all until that is refused', () => {
  const span = new Span();
  assert.strictEqual(span.next(0), 15);
  span.answered(15);
  assert.ok(span.isWhole);
  assert.strictEqual(span.next(600000), 15);
});

test('each refusal shortens it, down to a minute', () => {
  const span = new Span();
  for (const [minutes, more] of [[15, true], [5, true], [2, true], [1, false]]) {
    assert.strictEqual(span.next(1000), minutes);
    assert.strictEqual(span.refused(minutes, 1000), more);
    assert.ok(!span.isWhole);
  }
  assert.strictEqual(span.next(1000), 1);
});

test('the next longer one is tried once a minute', () => {
  const span = new Span();
  span.refused(15, 0);
  span.refused(5, 0);
  span.answered(2);
  assert.strictEqual(span.next(59999), 2);
  assert.strictEqual(span.next(60000), 5);
  span.refused(5, 60000);
  assert.strictEqual(span.next(60001), 2);
  assert.strictEqual(span.next(120000), 5);
  span.answered(5);
  assert.strictEqual(span.next(120001), 15);
  span.answered(15);
  assert.ok(span.isWhole);
});
