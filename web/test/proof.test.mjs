import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeFormat } from '../src/format.js';
import { proofRows } from '../src/proof.js';

const fmt = makeFormat('en-GB', 'UTC');
const NOW = Date.UTC(2026, 0, 31, 14, 0, 0);
const at = (h, m = 0) => Date.UTC(2026, 0, 31, h, m);
const verify = (more) => ({ state: 'none', started_ms: null, ended_ms: null, next_ms: at(27, 10), lacking_hours: 0, more_hours: 0, repaired_hours: 0, error: null, ...more });
const verified = (more) => ({ database: 'metrics', from_ms: at(-48), until_ms: at(3, 8), at_ms: at(3, 12), deep: false, ...more });
const owed = (more) => ({ database: 'metrics', from_ms: at(2), to_ms: at(6), done_until_ms: at(2), cause: 'overflow', added_ms: at(7), ...more });
const replication = (more) => ({ targets: [{ kind: 'record', state: 'up' }], owed: { ranges: 0, seconds: 0, newest: [] }, verified: [], verify: verify({}), ...more });
const rows = (more) => proofRows(replication(more), NOW, fmt).map((r) => ({ ...r, text: r.text.replace(/\u00a0/g, ' '), more: r.more.replace(/\u00a0/g, ' ') }));

test('nobody has looked: when it will be, and how to have it now', () => {
	const [r] = rows({});
	assert.deepEqual([r.state, r.word, r.text, r.command], ['none', 'Not verified yet', 'Wait for the nightly run at 03:10, or have it done now:', 'holdfast verify']);
	assert.equal(rows({ verify: verify({ next_ms: null }) })[0].text, 'To have it done:');
});

test('how far InfluxDB has everything, as of when', () => {
	const [r, ...others] = rows({ verified: [verified({})], verify: verify({ state: 'done' }) });
	assert.deepEqual([r.state, r.text, others.length], ['equal', 'InfluxDB has everything up to 03:08, verified 03:12.', 0]);
	assert.equal(r.more, 'It reaches back to 29 Jan 00:00. Next: the nightly run at 03:10.');
	assert.match(rows({ verified: [verified({ deep: true })] })[0].text, /value for value/);
});

test('of several databases the one that is behind, by name', () => {
	const [r] = rows({ verified: [verified({}), verified({ database: 'shop', until_ms: at(1) })] });
	assert.match(r.text, /^InfluxDB has everything of shop up to 01:00/);
	assert.match(rows({ verified: [verified({ until_ms: at(-48) })] })[0].text, /^InfluxDB lacks points from 29 Jan 00:00 on/);
});

test('what differs, less what is sent again already, with the command', () => {
	const done = (more) => rows({ verified: [verified({})], verify: verify({ state: 'done', ...more }) }).slice(1);
	assert.deepEqual(done({ lacking_hours: 3, repaired_hours: 2 }).map((r) => [r.state, r.text, r.command]),
		[['differs', 'In 1 hour of measurements InfluxDB lacks something, or has it otherwise. To send it again:', 'holdfast verify --repair']]);
	assert.deepEqual(done({ lacking_hours: 2, repaired_hours: 2 }).map((r) => [r.word, r.command]), [['Repaired', 'holdfast verify']]);
	assert.deepEqual(done({ more_hours: 4 }).map((r) => r.command), ['holdfast backfill']);
	assert.match(done({ state: 'failed', ended_ms: at(3), error: 'HTTP 401' })[0].text, /03:00: HTTP 401/);
	assert.equal(done({ state: 'running', started_ms: at(13, 59) })[0].text, 'Since 13:59.');
});

test('what is owed: the newest is being sent, with its cause and how far', () => {
	const two = (more, state = 'up') => rows({ ...more, targets: state ? [{ kind: 'record', state }] : [], owed: { ranges: 2, seconds: 1,
		newest: [owed({ done_until_ms: at(3) }), owed({ cause: 'before', database: null, from_ms: at(0), done_until_ms: at(0), to_ms: at(1) })] } }).slice(-2);
	const [first, second] = two();
	assert.deepEqual([first.word, first.text, first.more], ['Being sent', 'metrics, 03:00 to 06:00: let go by the spool in a long outage.', '25 % of it is sent.']);
	assert.deepEqual([second.word, second.text], ['Owed', 'A database, 00:00 to 01:00: written before InfluxDB was configured.']);
	assert.match(two({}, 'down')[1].more, /once InfluxDB takes points/);
	assert.match(two({ verify: null }, null)[0].more, /once an InfluxDB is configured/);
	assert.equal(two({}, 'down')[0].word, 'Owed');
});

test('of many ranges the rest is counted', () => {
	const many = rows({ owed: { ranges: 9, seconds: 1, newest: Array.from({ length: 9 }, () => owed({})) } });
	assert.equal(many.length, 1 + 3 + 1);
	assert.equal(many.at(-1).text, '6 ranges of time more, in their turn.');
});

test('nothing is said where there is nothing, and no value is missed', () => {
	assert.deepEqual(proofRows(undefined, NOW, fmt), []);
	assert.deepEqual(rows({ targets: [], verify: null }), []);
	const odd = rows({ verified: [{}], verify: {}, owed: { newest: [{}] } });
	assert.doesNotMatch(JSON.stringify(odd), /undefined|NaN/);
});
