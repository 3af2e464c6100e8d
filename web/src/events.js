// "What happened": everything that was lost, refused, set aside or is failing,
// newest first, and the start of the daemon so that the list is never bare.

import { h, replaceIfNew } from './dom.js';
import { join, plural } from './format.js';
import { nameOf, targetsOf } from './targets.js';

const CAUSES = {
	spool_full: 'the spool was full',
	spool_damaged: 'the spool was damaged',
	store_damaged: 'the store was damaged',
	damaged: 'a row of the spool was damaged',
	disk_full: 'the disk was full',
	queue_full: 'the queue was full',
	retention: 'they were older than what is kept',
	crash: 'Holdfast had stopped',
	restart: 'Holdfast was restarting',
	collector: 'a collector failed',
};

export const REASONS = {
	unparsable: 'could not be parsed',
	type_conflict: 'their type is not the field\u2019s',
	not_finite: 'not a finite number',
	too_old: 'older than what is kept',
	in_future: 'too far in the future',
	too_long: 'too long',
	too_many_series: 'too many series',
	too_many_fields: 'too many fields',
	bad_name: 'a name that cannot be used',
};

export const words = (table, code) => table[code] ?? String(code ?? 'no cause told').replace(/_/g, ' ');

const some = (v) => typeof v === 'number' && v > 0;

export function eventsOf(status, nowMs, fmt) {
	const out = [];
	const say = (ms, tone, text, more = {}) => out.push({ ms, tone, text, ...more });
	const points = (v) => `${join(fmt.count(v))} ${plural(v, 'point')}`;
	const { ingest = {}, spool = {}, collect = {} } = status;

	const lost = (g) => g.cause === 'store_damaged' && !some(g.points) ? 'An unknown number of points'
		: g.tier && g.tier !== 'raw' ? `${join(fmt.count(g.points))} ${plural(g.points, 'rollup')} of ${g.tier}` : points(g.points ?? 0);
	for (const g of status.gaps ?? [])
		say(g.at_ms ?? g.to_ms, 'bad', `${lost(g)} lost, ${fmt.clock(g.from_ms ?? 0, nowMs)} to `
			+ `${fmt.clock(g.to_ms, nowMs)}: ${words(CAUSES, g.cause)}`);
	if (spool.error)
		say(null, 'bad', 'Spool: ' + spool.error);
	for (const c of collect.collectors ?? [])
		if (!c.ok)
			say(null, 'warn', `Collector ${c.name} fails: ${c.error || 'no reason told'}`);
	for (const { reason, points: n } of ingest.rejected ?? [])
		if (some(n))
			say(null, 'warn', `${points(n)} not taken: ${words(REASONS, reason)}`, { when: 'so far' });
	if (some(ingest.refused_requests_total))
		say(null, 'warn', `${join(fmt.count(ingest.refused_requests_total))} `
			+ `${plural(ingest.refused_requests_total, 'request')} refused: queue or disk was full`, { when: 'so far' });
	for (const t of targetsOf(status)) {
		if (t.last_error && some(t.last_error_ms))
			say(t.last_error_ms, t.state === 'up' ? '' : 'warn', `${nameOf(t)}: ${t.last_error}`);
		if (t.state === 'up' && some(t.since_ms))
			say(t.since_ms, '', `In step with ${nameOf(t).replace(/^T/, 't')} since then`);
		if (t.state === 'paused')
			say(t.since_ms ?? null, 'warn', `Delivery to ${nameOf(t).replace(/^T/, 't')} was paused`);
	}
	if (some(status.started_ms))
		say(status.started_ms, '', `Holdfast ${status.version ?? ''} started`.replace('  ', ' '));

	// What is so now stands first, then by time.
	return out.sort((a, b) => (b.ms ?? Infinity) - (a.ms ?? Infinity) || 0);
}

const TONE_WORD = { bad: 'Lost: ', warn: 'Note: ', '': '' };

export function showEvents(host, events, nowMs, fmt) {
	replaceIfNew(host, [events, fmt.day(nowMs)], () => events.map((e) => h('li', { 'data-tone': e.tone },
		h('time', e.ms ? { datetime: new Date(e.ms).toISOString() } : null, e.ms ? fmt.clock(e.ms, nowMs) : e.when ?? 'now'),
		h('span', null, e.tone && h('span', { class: 'unseen' }, TONE_WORD[e.tone]), e.text,
			e.href && [' ', h('a', { href: e.href }, e.link)]))));
}
