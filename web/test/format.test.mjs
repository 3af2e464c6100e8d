import assert from 'node:assert/strict';
import { test } from 'node:test';
import { join, makeFormat, plural } from '../src/format.js';

const fmt = makeFormat('en-GB', 'UTC');
const text = (pair) => join(pair).replace(/\u00a0/g, ' ');
const plainText = (s) => s.replace(/\u00a0/g, ' ');

test('count: three figures, thousands grouped, millions shortened', () => {
	assert.equal(text(fmt.count(0)), '0');
	assert.equal(text(fmt.count(4.2)), '4.2');
	assert.equal(text(fmt.count(2114.3)), '2,114');
	assert.equal(text(fmt.count(1270000)), '1.27 M');
	assert.equal(text(fmt.count(2.5e9)), '2.50 G');
});

test('what is not known is null and joins to nothing', () => {
	for (const f of ['count', 'bytes', 'percent', 'millis', 'span'])
		for (const v of [null, undefined, NaN, Infinity, '1'])
			assert.equal(fmt[f](v), null, f);
	assert.equal(join(null), '');
	assert.equal(fmt.clock(null), '');
	assert.equal(fmt.duration(undefined), '');
});

test('bytes: binary units, the next one before four digits', () => {
	assert.equal(text(fmt.bytes(0)), '0 B');
	assert.equal(text(fmt.bytes(999)), '999 B');
	assert.equal(text(fmt.bytes(1000)), '0.977 KiB');
	assert.equal(text(fmt.bytes(1024 ** 3)), '1 GiB');
	assert.equal(text(fmt.bytes(22.4 * 1024 ** 2, '/s')), '22.4 MiB/s');
	assert.equal(text(fmt.bytes(2 ** 70)), '1,050,000 PiB');
});

test('percent: small shares are not zero', () => {
	assert.equal(text(fmt.percent(0)), '0 %');
	assert.equal(text(fmt.percent(0.001)), '< 0.01 %');
	assert.equal(text(fmt.percent(0.02)), '0.02 %');
	assert.equal(text(fmt.percent(1.84)), '1.8 %');
	assert.equal(text(fmt.percent(99.96)), '99.9 %');
	assert.equal(text(fmt.percent(100)), '100 %');
});

test('millis: seconds only when long', () => {
	assert.equal(text(fmt.millis(0.2)), '0.2 ms');
	assert.equal(text(fmt.millis(0.0001)), '< 0.01 ms');
	assert.equal(text(fmt.millis(1220.4)), '1,220 ms');
	assert.equal(text(fmt.millis(12500)), '12.5 s');
});

test('span and duration', () => {
	assert.equal(text(fmt.span(0.9)), '0.9 s');
	assert.equal(text(fmt.span(22)), '22 s');
	assert.equal(text(fmt.span(720)), '12 min');
	assert.equal(text(fmt.span(-3)), '0 s');
	assert.equal(text(fmt.span(6.4 * 86400)), '6.4 d');
	assert.equal(plainText(fmt.duration(0)), '0 s');
	assert.equal(plainText(fmt.duration(45)), '45 s');
	assert.equal(plainText(fmt.duration(12 * 86400 + 4 * 3600 + 59)), '12 d 4 h');
	assert.equal(plainText(fmt.duration(725)), '12 min');
	assert.equal(plainText(fmt.duration(65)), '1 min 5 s');
});

test('clock names the day only where it is another one', () => {
	const t = Date.UTC(2026, 0, 31, 13, 48, 5);
	assert.equal(fmt.clock(t, t + 1000), '13:48');
	assert.equal(fmt.clock(t, t, true), '13:48:05');
	assert.equal(fmt.clock(t, t + 86400e3), '31 Jan 13:48');
	assert.equal(fmt.clock(Date.UTC(2026, 0, 31), Date.UTC(2026, 0, 31)), '00:00');
});

test('numbers follow the locale', () => {
	assert.equal(text(makeFormat('de-DE', 'UTC').span(0.9)), '0,9 s');
	assert.equal(plural(1, 'point'), 'point');
	assert.equal(plural(2, 'point'), 'points');
});
