import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextDelay } from '../src/poll.js';
import { RANGES, readSpan, writeSpan } from '../src/span.js';
import { decades, sparkPath } from '../src/tables.js';

test('polls each 2 s, each 5 s unseen', () => {
	assert.equal(nextDelay(0, false), 2000);
	assert.equal(nextDelay(0, true), 5000);
});

test('backs off without an answer, up to half a minute', () => {
	let before = 0;
	for (let failures = 1; failures < 6; failures++) {
		const d = nextDelay(failures, false, 1);
		assert.ok(d > before);
		before = d;
	}
	assert.equal(nextDelay(1e6, false, 1), 30000);
	assert.ok(nextDelay(1e6, true, 0) >= 20000);
});

test('the span of time survives the address', () => {
	for (const range of RANGES)
		for (const zoom of [null, { from: 1700000000000, to: 1700000600000 }])
			assert.deepEqual(readSpan(writeSpan({ range, zoom })), { range, zoom });
});

test('a wrong address is the last hour', () => {
	for (const search of ['', '?range=99y', '?from=5&to=4', '?from=x&to=y', '?from=-1&to=9999'])
		assert.deepEqual(readSpan(search), { range: RANGES[1], zoom: null });
});

test('the common scale spans whole decades', () => {
	assert.deepEqual(decades([4.2, 1220]), [0, 4]);
	assert.deepEqual(decades([1, 10]), [0, 1]);
	assert.deepEqual(decades([5, 5]), [0, 1]);
	assert.deepEqual(decades([null, 0, undefined]), [0, 1]);
});

test('a sparkline lifts the pen over gaps and never leaves its box', () => {
	const d = sparkPath([1, 2, null, 3], 150, 26);
	assert.equal(d.match(/M/g).length, 2);
	assert.equal(sparkPath([], 150, 26), '');
	assert.equal(sparkPath([null], 150, 26), '');
	for (const column of [[0, 0], [5], [1e9, 0, 3], [7, 7, 7]])
		for (const [, y] of sparkPath(column, 150, 26).matchAll(/[ML][\d.]+ ([-\d.]+)/g))
			assert.ok(y >= 0 && y <= 26, column + ': ' + y);
});
