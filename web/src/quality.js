// What is refused at the door, and which measurements come near their ceiling:
// shown where there is anything, the worst first.

import { REASONS, words } from './events.js';
import { h, quantity } from './dom.js';
import { join, plural } from './format.js';

export const NEAR = 0.8;	// of a ceiling: from here on it is shown
const SHOWN = 8;

// Is there anything to ask for?
export function qualityMatters(status) {
	const { have, max } = status?.series?.nearest ?? {};
	return status?.ingest?.rejected_total > 0 || (max > 0 && have / max >= NEAR);
}

const id = (m) => m.database + ' ' + m.measurement;

export function qualityRows(q) {
	const size = new Map((q.series?.top ?? []).map((m) => [id(m), m]));
	const rows = (q.offenders ?? []).slice(0, SHOWN).map((o) => ({
		name: o.measurement, database: o.database, points: o.points, last: o.last_ms,
		reason: o.reason, error: o.error, size: o.measurement === null ? null : size.get(id(o)) ?? null,
	}));
	const named = new Set(rows.map((r) => r.database + ' ' + r.name));
	for (const m of q.series?.top ?? [])
		if (!named.has(id(m)) && (m.series >= NEAR * m.series_max || m.fields >= NEAR * m.fields_max))
			rows.push({ name: m.measurement, database: m.database, points: 0, last: null, reason: null, error: null, size: m });
	return rows.slice(0, SHOWN + 4);
}

export function ceilingWord(size) {
	if (!size)
		return '';
	const share = Math.max(size.series / size.series_max, size.fields / size.fields_max);
	return share >= 1 ? 'at its ceiling' : share >= NEAR ? 'near its ceiling' : '';
}

// The tag whose values make the series: only where one stands out.
export function growsBy(size) {
	const widest = size?.tags?.[0];
	return widest && size.series > 1 && widest.values >= size.series / 2 ? widest : null;
}

export function qualityNote(q, nowMs, fmt) {
	const parts = [];
	if (q.rejected_total > 0)
		parts.push(`${join(fmt.count(q.rejected_total))} ${plural(q.rejected_total, 'point')} refused since ${fmt.clock(q.since_ms, nowMs)}`);
	if (q.series?.max > 0)
		parts.push(`${fmt.integer(q.series.count)} of at most ${fmt.integer(q.series.max)} series`);
	return parts.join('; ');
}

export function qualityTable(rows, nowMs, fmt) {
	const usual = (r) => r.database === 'metrics' || !r.database;
	const body = rows.map((r) => {
		const word = ceilingWord(r.size);
		const grows = growsBy(r.size);
		return h('tr', null,
			h('th', { scope: 'row' }, r.name ?? h('span', { class: 'soft none' }, 'no known measurement'),
				!usual(r) && h('span', { class: 'soft' }, ' in ' + r.database), word && [' ', h('span', { class: 'tag' }, word)]),
			h('td', null, r.points ? quantity(fmt.count(r.points)) : h('span', { class: 'soft' }, 'none')),
			h('td', { class: 'wide' }, r.last ? fmt.clock(r.last, nowMs) : ''),
			h('td', { class: 'left', title: r.error }, r.reason ? words(REASONS, r.reason) : grows ? 'grows by its tag ' + grows.key : ''),
			h('td', { class: 'wide' }, r.size && [quantity(fmt.count(r.size.series)), h('span', { class: 'soft' }, ' of '), quantity(fmt.count(r.size.series_max))]),
			h('td', { class: 'left wide' }, grows && [grows.key, h('span', { class: 'soft' }, `, ${join(fmt.count(grows.values))} values`)]));
	});
	return h('table', null,
		h('caption', { class: 'unseen' }, 'Refused points and measurements near a ceiling'),
		h('thead', null, h('tr', null,
			h('th', { scope: 'col' }, 'Measurement'), h('th', { scope: 'col' }, 'Refused'),
			h('th', { scope: 'col', class: 'wide' }, 'Last'), h('th', { scope: 'col', class: 'left' }, 'Why'),
			h('th', { scope: 'col', class: 'wide' }, 'Series'), h('th', { scope: 'col', class: 'left wide' }, 'Grows by tag'))),
		h('tbody', null, body));
}
