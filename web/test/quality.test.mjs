import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeFormat } from '../src/format.js';
import { ceilingWord, growsBy, qualityMatters, qualityNote, qualityRows } from '../src/quality.js';

const fmt = makeFormat('en-GB', 'UTC');
const size = (measurement, series, tags = [], more = {}) => ({
	database: 'metrics', measurement, series, series_max: 100, fields: 1, fields_max: 10, tags, ...more,
});
const offender = (measurement, reason, points) => ({
	database: 'metrics', measurement, reason, points, error: 'e', example: null, first_ms: 1, last_ms: 2,
});

test('is asked for only where something is refused or near a ceiling', () => {
	const status = (rejected_total, have, max) => ({ ingest: { rejected_total }, series: { nearest: { have, max } } });
	assert.equal(qualityMatters(status(0, 10, 100)), false);
	assert.equal(qualityMatters(status(1, 10, 100)), true);
	assert.equal(qualityMatters(status(0, 80, 100)), true);
	assert.equal(qualityMatters({}), false);
	assert.equal(qualityMatters(null), false);
});

test('rows are what was refused, then what is near without being refused', () => {
	const rows = qualityRows({
		offenders: [offender('a', 'too_many_series', 7), offender(null, 'unparsable', 2)],
		series: { top: [size('a', 100), size('b', 85), size('c', 3), size('d', 1, [], { fields: 9 })] },
	});
	assert.deepEqual(rows.map((r) => [r.name, r.points, r.size?.series ?? null]),
		[['a', 7, 100], [null, 2, null], ['b', 0, 85], ['d', 0, 1]]);
});

test('many offenders are cut to the worst', () => {
	const offenders = Array.from({ length: 50 }, (_, i) => offender('m' + i, 'too_old', 50 - i));
	const rows = qualityRows({ offenders, series: { top: [] } });
	assert.equal(rows.length, 8);
	assert.equal(rows[0].name, 'm0');
	assert.deepEqual(qualityRows({}), []);
});

test('says how near the ceiling is', () => {
	assert.equal(ceilingWord(size('a', 100)), 'at its ceiling');
	assert.equal(ceilingWord(size('a', 99)), 'near its ceiling');
	assert.equal(ceilingWord(size('a', 10)), '');
	assert.equal(ceilingWord(size('a', 1, [], { fields: 10 })), 'at its ceiling');
	assert.equal(ceilingWord(null), '');
});

test('names the tag that makes the series, if one does', () => {
	assert.equal(growsBy(size('a', 100, [{ key: 'id', values: 90 }, { key: 'host', values: 2 }])).key, 'id');
	assert.equal(growsBy(size('a', 100, [{ key: 'host', values: 10 }])), null);
	assert.equal(growsBy(size('a', 1, [{ key: 'host', values: 1 }])), null);
	assert.equal(growsBy(null), null);
});

test('the note counts', () => {
	const at = Date.UTC(2026, 0, 31, 12, 0);
	assert.equal(qualityNote({ rejected_total: 1, since_ms: at, series: { count: 12, max: 1000 } }, at, fmt),
		'1 point refused since 12:00; 12 of at most 1,000 series');
	assert.equal(qualityNote({ rejected_total: 0, since_ms: at, series: { count: 12, max: 1000 } }, at, fmt),
		'12 of at most 1,000 series');
});
