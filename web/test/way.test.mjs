import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventsOf } from '../src/events.js';
import { makeFormat } from '../src/format.js';
import { hostOf, wayOf } from '../src/stations.js';
import { halfWidth, ribbon, root, spread, swelling, wave } from '../src/strand.js';

const fmt = makeFormat('en-GB', 'UTC');
const NOW = Date.UTC(2026, 0, 31, 14, 0, 0);
const plain = (s) => s.replace(/\u00a0/g, ' ');

function status(replication, more = {}) {
	return {
		state: 'ok', started_ms: NOW - 5000, version: '0.1.0',
		collect: { enabled: true, interval_s: 10, values_per_s: 20, collectors: [{ name: 'cpu', ok: true, values: 33 }] },
		ingest: { values_per_s: 220, points_total: 10, values_total: 40, commit_ms: 0.2, rejected: [] },
		spool: { bytes: 1024, max_bytes: 2048, points: 3, oldest_ms: NOW - 3600e3, writable: true },
		head: { bytes: 10, series: 4 }, gaps: [],
		replication: { targets: replication ? [{ target: 'influxdb', name: 'InfluxDB', kind: 'record', url: 'http://127.0.0.1:8086', lag_points: 0, lag_s: 0.9, ...replication }] : [] }, ...more,
	};
}
const last = (s) => wayOf(s, NOW, fmt).stations[3];

test('in step: the lag, in a calm tone', () => {
	const s = last(status({ state: 'up' }));
	assert.deepEqual([s.title, s.value.n, s.what, s.tone], ['Delivered', '0.9', 'behind', '']);
});

test('down: how many wait, since when, until when', () => {
	const s = last(status({ state: 'down', lag_points: 1270000, since_ms: NOW - 720e3, next_try_ms: NOW + 21500 }));
	assert.equal(s.title, 'Waiting for InfluxDB');
	assert.equal(plain(s.value.n), '1.27 M');
	assert.deepEqual(s.notes.map(plain), ['down since 13:48', 'next try in 22 s']);
	assert.equal(s.tone, 'warn');
});

test('held tells what InfluxDB said', () => {
	assert.ok(last(status({ state: 'held', lag_points: 1, last_error: 'HTTP 401' })).notes.includes('HTTP 401'));
});

test('no InfluxDB: no alarm, and how to add one', () => {
	const s = last(status(null));
	assert.equal(s.tone, 'calm');
	assert.match(s.code, /\[influxdb\] url = /);
});

test('paused is no outage', () => {
	const s = last(status({ state: 'paused', lag_points: 7, since_ms: NOW - 720e3 }));
	assert.deepEqual([s.title, s.value.n, s.notes[0], s.tone], ['Delivery is paused', '7', 'paused since 13:48', 'warn']);
});

test('a mirror that is away does not read as InfluxDB', () => {
	const s = status({ state: 'up' });
	s.replication.targets.push({ target: 'mirror:far', name: 'the mirror far', kind: 'mirror', state: 'down' });
	assert.deepEqual([last(s).title, last(s).tone, last(s).notes.at(-1)], ['Delivered', '', 'the mirror far is not in step']);
	s.replication.targets.shift();
	assert.equal(last(s).title, 'Waiting for the mirror far');
});

test('every state makes words, also out of nulls', () => {
	for (const state of ['off', 'starting', 'up', 'catching_up', 'down', 'held', 'paused', 'a new one', undefined]) {
		const s = status({ state, url: null, lag_points: null, lag_s: null, since_ms: null, next_try_ms: null });
		s.ingest = {};
		s.spool = {};
		s.head = {};
		const text = JSON.stringify(wayOf(s, NOW, fmt).stations);
		assert.doesNotMatch(text, /undefined|NaN|Invalid/, state);
	}
	assert.doesNotMatch(JSON.stringify(wayOf({}, NOW, fmt).stations), /undefined|NaN/);
});

test('a spool that cannot be written breaks the way', () => {
	const s = status({ state: 'up' });
	s.spool = { ...s.spool, writable: false, error: 'disk is full' };
	const way = wayOf(s, NOW, fmt);
	assert.equal(way.flow.writable, false);
	assert.deepEqual([way.stations[1].tone, way.stations[1].notes[0]], ['bad', 'disk is full']);
});

test('roots: one for each collector, one for what is written', () => {
	const { flow } = wayOf(status({ state: 'up' }), NOW, fmt);
	assert.deepEqual(flow.roots.map((r) => r.name).sort(), ['cpu', 'written to it']);
	assert.equal(flow.roots.find((r) => r.name === 'cpu').perSecond, 3.3);
});

test('the host of an address', () => {
	assert.equal(hostOf('https://influx.example:8086/x'), 'influx.example:8086');
	assert.equal(hostOf(null), 'InfluxDB');
});

test('widths grow with the logarithm and have a ceiling', () => {
	assert.ok(halfWidth(0) < halfWidth(1));
	assert.ok(halfWidth(100) < halfWidth(10000));
	assert.equal(halfWidth(1e30), 7);
	assert.equal(swelling(0, 40), 0);
	assert.ok(swelling(10, 40) < swelling(1e5, 40));
	assert.equal(swelling(1e30, 40), 40);
});

test('a ribbon is closed and lies or hangs', () => {
	const d = ribbon('x', 0, 10, () => 5, () => 1, 1);
	assert.equal(d, 'M0 4L10 4L10 6L0 6Z');
	assert.equal(ribbon('y', 0, 10, () => 5, () => 1, 1), 'M4 0L4 10L6 10L6 0Z');
});

test('a root ends at the knot, a broken one before it', () => {
	assert.ok(root('x', 0, 100, 10, 46).endsWith('100 46'));
	const end = root('x', 0, 100, 10, 46, 0.55).split(' ').slice(-2).map(Number);
	assert.ok(end[0] > 30 && end[0] < 70);
});

test('roots spread to both sides of the middle', () => {
	assert.deepEqual(spread(1, 46, 40), [46]);
	assert.deepEqual(spread(3, 46, 40), [6, 46, 86]);
});

test('the wave is still at its knots', () => {
	const bend = wave([0, 50, 100], 46, 4);
	for (const s of [0, 50, 100, 500])
		assert.ok(Math.abs(bend(s) - 46) < 1e-9);
	assert.ok(bend(12.5) > 49);
});

test('what happened: losses first, totals as such, the start last', () => {
	const s = status({ state: 'down', last_error: 'connection refused', last_error_ms: NOW - 1000, quarantined_points: 2 });
	s.ingest.rejected = [{ reason: 'too_old', points: 1 }, { reason: 'unparsable', points: 0 }];
	s.collect.collectors.push({ name: 'net', ok: false, error: null });
	s.gaps = [{ from_ms: NOW - 9e5, to_ms: NOW - 8e5, points: 5, cause: 'spool_full', at_ms: NOW - 8e5 }];
	const e = eventsOf(s, NOW, fmt);
	assert.equal(e.length, 5);
	assert.match(e[0].text, /Collector net fails/);
	assert.equal(e.find((x) => /too_old|older/.test(x.text)).when, 'so far');
	assert.match(e.find((x) => x.tone === 'bad').text, /5 points lost, 13:45 to 13:46: the spool was full/);
	assert.ok(e.every((x) => !/undefined|NaN/.test(x.text)));
	const quiet = eventsOf(status({ state: 'up' }), NOW, fmt);
	assert.match(quiet[quiet.length - 1].text, /started/);
	assert.deepEqual(eventsOf({}, NOW, fmt), []);
});
