// What is kept on this machine, tier by tier, out of /api/v1/storage.

import { getJson } from './api.js';
import { h, quantity, svg } from './dom.js';
import { join } from './format.js';

const EVERY_MS = 15000;

const TIERS = {
	raw: 'Every point', '1m': 'By the minute', '1h': 'By the hour', '1d': 'By the day',
};

export function makeStorageData() {
	let answer = null;
	let error = null;
	let nextAt = 0;
	let failures = 0;

	return {
		get answer() { return answer; },
		get error() { return error; },

		async refresh() {
			if (performance.now() < nextAt)
				return false;
			try {
				answer = await getJson('api/v1/storage', {}, { timeoutMs: 15000 });
				error = null;
				failures = 0;
				nextAt = performance.now() + EVERY_MS;
			} catch (e) {
				error = e;
				failures++;
				nextAt = performance.now() + Math.min(60000, 2000 * 2 ** failures);
			}
			return true;
		},
	};
}

// When the oldest point that is kept whole was taken: in the store, the spool
// or memory. Null: there is none.
export function oldestKept(status, storage) {
	const raw = storage?.tiers?.find((t) => t.tier === 'raw');
	const seen = [raw?.oldest_ms, status?.spool?.oldest_ms].filter((ms) => ms > 0);
	return seen.length ? Math.min(...seen) : null;
}

export function storageNote(s, fmt) {
	const words = [`${join(fmt.bytes(s.used_bytes))} of ${join(fmt.bytes(s.max_bytes))}`];
	if (s.compaction?.state === 'failing')
		words.push('compaction fails: ' + (s.compaction.error || 'no reason told'));
	return words.join('; ');
}

function room(bytes, all) {
	const share = all > 0 ? 100 * bytes / all : 0;
	return svg('svg', { class: 'fill', viewBox: '0 0 100 8', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
		svg('rect', { class: 'room', width: 100, height: 8 }),
		svg('rect', { class: 'used', width: Math.min(100, share).toFixed(2), height: 8 }));
}

const soft = (text) => h('span', { class: 'soft' }, text);

export function storageTable(s, nowMs, fmt) {
	const spool = s.files?.find((f) => f.file === 'spool.db')?.used_bytes ?? 0;
	const all = s.tiers.reduce((n, t) => n + t.bytes, spool);
	const back = (t) => (t.oldest_ms > 0 ? quantity(fmt.span((nowMs - t.oldest_ms) / 1000)) : soft('nothing yet'));
	const rows = s.tiers.map((t) => h('tr', null,
		h('th', { scope: 'row' }, TIERS[t.tier] ?? t.tier),
		h('td', null, back(t)),
		h('td', null, quantity(fmt.span(t.retention_s))),
		h('td', { class: 'wide' }, t.points > 0 ? quantity(fmt.count(t.points)) : soft('none')),
		h('td', { class: 'wide left grow' }, room(t.bytes, all)),
		h('td', null, quantity(fmt.bytes(t.bytes)))));
	return h('table', null,
		h('caption', { class: 'unseen' }, 'What is kept on this machine'),
		h('thead', null, h('tr', null,
			h('th', { scope: 'col' }, 'Kept'), h('th', { scope: 'col' }, 'Reaches back'), h('th', { scope: 'col' }, 'At most'),
			h('th', { scope: 'col', class: 'wide' }, 'Points'), h('th', { scope: 'col', class: 'wide left grow' }, 'Share'),
			h('th', { scope: 'col' }, 'On disk'))),
		h('tbody', null, rows, h('tr', null,
			h('th', { scope: 'row' }, 'Not yet compacted, or not delivered'),
			h('td', null, ''), h('td', null, ''), h('td', { class: 'wide' }, ''),
			h('td', { class: 'wide left grow' }, room(spool, all)), h('td', null, quantity(fmt.bytes(spool))))));
}
