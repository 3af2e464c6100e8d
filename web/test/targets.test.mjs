import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeFormat } from '../src/format.js';
import { countRows, quarantined, quarantineNote, reasonWords, replayWords } from '../src/quarantine.js';
import { leadOf, recordOf, targetRow, targetsNote } from '../src/targets.js';

const fmt = makeFormat('en-GB', 'UTC');
const NOW = Date.UTC(2026, 0, 31, 14, 0, 0);
const plain = (s) => s.replace(/\u00a0/g, ' ');
const target = (more) => ({
	target: 'influxdb', name: 'InfluxDB', kind: 'record', url: 'http://127.0.0.1:8086', state: 'up', since_ms: NOW - 720e3,
	lag_points: 0, lag_s: 0, live: { points: 0, lag_s: 0 }, backlog: { points: 0, bytes: 0 }, replay: { points: 0 },
	owed: { points_estimate: 0, span_s: 0 }, points_per_s: 20, eta_s: 0, latency_ms: { p50: 1, p99: 2 }, quarantined_points: 0, ...more,
});
const row = (more) => targetRow(target(more), NOW, fmt);

test('in step: nothing waits, nothing to do', () => {
	const r = row({});
	assert.deepEqual([r.word, r.tone, r.since, r.waiting, r.live, r.backlog, r.left, r.notes], ['In step', 'well', 'since 13:48', null, null, null, null, []]);
});

test('the two lanes are told apart, with the time to go', () => {
	const r = row({ state: 'catching_up', lag_points: 410005, live: { points: 5, lag_s: 0.4 }, backlog: { points: 410000, bytes: 1 }, eta_s: 90 });
	assert.deepEqual([r.word, r.live.n, r.live.u, plain(r.backlog.n), r.left.n], ['Catching up', '0.4', 's', '410,000', '90']);
	assert.ok(row({ backlog: { points: 1, bytes: 1 }, eta_s: null }).unknown);
});

test('down and held: what to do, what it says, when it is tried', () => {
	const r = row({ state: 'held', advice: 'Put a token there.', last_error: 'HTTP 401', next_try_ms: NOW + 21500, held_databases: 1 });
	assert.deepEqual(r.notes.map(plain), ['Put a token there.', 'It says “HTTP 401”.', 'Next try in 22 s.', '1 database of it takes nothing.']);
	assert.deepEqual(row({ state: 'up', last_error: 'old' }).notes, []);
});

test('what is owed and replayed is told beside the lag', () => {
	const r = row({ replay: { points: 1 }, owed: { points_estimate: 2000000, span_s: 1 } });
	assert.deepEqual(r.notes.map(plain), ['1 point out of quarantine to be sent again.', 'About 2.00 M points more are only in the store, and sent in their turn.']);
});

test('every state makes words, also out of nothing', () => {
	for (const state of ['starting', 'up', 'catching_up', 'down', 'held', 'paused', 'a_new one', undefined])
		assert.doesNotMatch(JSON.stringify(targetRow({ state }, NOW, fmt)), /undefined|NaN/, state);
});

test('the note counts those that take nothing', () => {
	assert.equal(targetsNote([]), '');
	assert.equal(targetsNote([target({})]), '');
	assert.equal(targetsNote([target({ state: 'down' })]), 'all that waits is kept here');
	assert.match(targetsNote([target({}), target({ state: 'paused' })]), /^2 targets, 1 of them not taking points/);
});

test('the record is not the first mirror', () => {
	const mirror = target({ target: 'mirror:far', kind: 'mirror' });
	assert.equal(recordOf({ replication: { targets: [mirror] } }), null);
	assert.equal(leadOf({ replication: { targets: [mirror] } }), mirror);
	assert.equal(leadOf({}), null);
});

test('the quarantine: the most first, in words; what is asked names number and target', () => {
	const counts = [{ target: 'influxdb', reason_code: 'poison', points: 1 }, { target: 'mirror:far', reason_code: 'type_conflict', points: 1204 }];
	assert.deepEqual(countRows({ counts }).map((c) => c.points), [1204, 1]);
	assert.deepEqual(countRows({}), []);
	assert.match(reasonWords('type_conflict'), /type/);
	assert.equal(reasonWords('some_new'), 'some new');
	assert.match(replayWords(counts[1], fmt), /^Send 1,204 points to mirror far again\?/);
	assert.equal(quarantineNote({ points: 1205, max_points: 100000, replay_points: 3 }, fmt), '1,205 points; the oldest go above 100,000; 3 to be sent again');
	assert.equal(quarantined({ replication: { targets: [target({ quarantined_points: 2 }), target({ quarantined_points: 3 })] } }), 5);
	assert.equal(quarantined({}), 0);
});
