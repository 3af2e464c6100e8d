import test from 'node:test';
import assert from 'node:assert/strict';

import { makeFormat } from '../src/format.js';
import { oldestKept, storageNote } from '../src/storage.js';

const fmt = makeFormat('en');
const storage = (raw = 0) => ({
	used_bytes: 1 << 20, max_bytes: 10 * 2 ** 30, files: [],
	tiers: [{ tier: 'raw', oldest_ms: raw }, { tier: '1d', oldest_ms: 5 }], compaction: { state: 'idle' },
});

test('the oldest kept point is the older of store and spool; coarser tiers are not every point', () => {
	assert.equal(oldestKept({ spool: { oldest_ms: 2000 } }, storage(1000)), 1000);
	assert.equal(oldestKept({ spool: { oldest_ms: 500 } }, storage(1000)), 500);
	assert.equal(oldestKept({ spool: { oldest_ms: null } }, storage(1000)), 1000);
	assert.equal(oldestKept({ spool: { oldest_ms: 2000 } }, null), 2000);
	assert.equal(oldestKept({ spool: { oldest_ms: null } }, storage(null)), null);
	assert.equal(oldestKept({}, null), null);
});

test('the note says how much of the ceiling is used, and that compaction fails, with its reason', () => {
	assert.match(storageNote(storage(), fmt), /1.*MB of 1\d.*GB|MiB of 10.*GiB/);
	const failing = { ...storage(), compaction: { state: 'failing', error: 'disk I/O error' } };
	assert.match(storageNote(failing, fmt), /compaction fails: disk I\/O error/);
});
