// The tables for comparing: services by their percentiles, disks by their room.

import { h, quantity, svg } from './dom.js';

const known = (v) => typeof v === 'number' && Number.isFinite(v);

// The decades that hold all the values, so that every row has the same scale.
export function decades(values) {
	const seen = values.filter((v) => known(v) && v > 0);
	if (!seen.length)
		return [0, 1];
	const lo = Math.floor(Math.log10(Math.min(...seen)) + 1e-9);
	const hi = Math.ceil(Math.log10(Math.max(...seen)) - 1e-9);
	return [lo, Math.max(hi, lo + 1)];
}

export function sparkPath(column, w, height) {
	const seen = column.filter(known);
	const max = Math.max(...seen, 0);
	const min = Math.min(...seen, max);
	// A third of the greatest value fills the height: a small stir stays small.
	const reach = Math.max(max - min, 0.34 * max) || 1;
	const base = Math.max(0, (max + min - reach) / 2);
	const n = column.length;
	let d = '';
	let pen = false;
	column.forEach((v, i) => {
		if (!known(v)) {
			pen = false;
			return;
		}
		const x = n > 1 ? i / (n - 1) * w : w / 2;
		d += (pen ? 'L' : 'M') + x.toFixed(1) + ' ' + (height - 2 - (v - base) / reach * (height - 4)).toFixed(1);
		pen = true;
	});
	return d;
}

const spark = (column) => svg('svg', { class: 'spark', viewBox: '0 0 150 26', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
	svg('path', { d: sparkPath(column, 150, 26) }));

function band(row, [lo, hi]) {
	const x = (v) => 6 + 158 * Math.min(1, Math.max(0, (Math.log10(Math.max(v, 1e-9)) - lo) / (hi - lo)));
	const rule = [];
	for (let e = lo; e <= hi; e++)
		rule.push(svg('line', { class: 'decade', x1: x(10 ** e), x2: x(10 ** e), y1: 3, y2: 23 }));
	const bar = (cls, a, b) => known(a) && known(b)
		&& svg('line', { class: cls, x1: x(a), x2: Math.max(x(a) + 0.1, x(b)), y1: 13, y2: 13 });
	return svg('svg', { class: 'band', viewBox: '0 0 170 26', 'aria-hidden': 'true' }, ...rule,
		bar('far', row.p50_ms, row.p99_ms) || '', bar('near', row.p50_ms, row.p95_ms) || '',
		known(row.p50_ms) ? svg('circle', { cx: x(row.p50_ms), cy: 13, r: 4.5 }) : '');
}

// Errors worth a word: above one in a hundred.
const ERROR_SHARE = 0.01;
const SHOWN = 100;

const cell = (pair, cls) => h('td', { class: cls }, pair ? quantity(pair) : h('span', { class: 'soft' }, 'none'));

export function servicesTable(answer, fmt, rangeWord) {
	const rows = [...(answer.services ?? [])].sort((a, b) => (b.throughput_per_s ?? 0) - (a.throughput_per_s ?? 0));
	const scale = decades(rows.flatMap((r) => [r.p50_ms, r.p99_ms]));
	const tick = (e) => { const q = fmt.millis(10 ** e); return q.n + '\u00a0' + q.u; };
	const body = rows.slice(0, SHOWN).map((r) => {
		const many = r.error_rate > ERROR_SHARE;
		return h('tr', null,
			h('th', { scope: 'row' }, r.service, many && [' ', h('span', { class: 'tag' }, 'errors above 1\u00a0%')]),
			h('td', { class: 'wide left' }, spark(r.series?.count ?? [])),
			cell(fmt.count(r.throughput_per_s)),
			cell(fmt.percent(known(r.error_rate) ? r.error_rate * 100 : null), many ? 'warn' : null),
			h('td', { class: 'wide left' }, band(r, scale)),
			cell(fmt.millis(r.p50_ms)), cell(fmt.millis(r.p95_ms)), cell(fmt.millis(r.p99_ms), 'wide'));
	});
	return h('table', null,
		h('caption', { class: 'unseen' }, 'Services, ' + rangeWord.toLowerCase()),
		h('thead', null, h('tr', null,
			h('th', { scope: 'col' }, 'Service'), h('th', { scope: 'col', class: 'wide left' }, 'Requests'),
			h('th', { scope: 'col' }, 'Requests/s'), h('th', { scope: 'col' }, 'Errors'),
			h('th', { scope: 'col', class: 'wide left' }, h('span', { class: 'scale' },
				h('span', null, tick(scale[0])), h('span', null, 'p50 to p99'), h('span', null, tick(scale[1])))),
			h('th', { scope: 'col' }, 'p50'), h('th', { scope: 'col' }, 'p95'),
			h('th', { scope: 'col', class: 'wide' }, 'p99'))),
		h('tbody', null, body));
}

export function servicesNote(answer) {
	const n = answer.services.length;
	return n + ' reporting, by throughput' + (n > SHOWN ? `; the first ${SHOWN} of them` : '')
		+ (answer.percentiles === 'upper_bound' ? '; percentiles are at most what stands here' : '');
}

export function servicesEmpty(host, origin) {
	const line = `service_performance,host=${host || 'web-01'},service=shop,operation=cart,status=success `
		+ 'count=12i,duration_ms_sum=148,duration_ms_mean=12.3,duration_ms_min=4.1,duration_ms_max=61,'
		+ 'duration_ms_p50=9.8,duration_ms_p90=24,duration_ms_p95=31,duration_ms_p99=58';
	return h('div', { class: 'empty' },
		h('p', null, 'No service reports yet. A service appears here as soon as it writes how long its operations took:'),
		h('pre', null, h('code', null, `curl -i '${origin}/write?db=metrics' \\\n  -d '${line}'`)),
		h('p', { class: 'soft' }, 'Anything that writes InfluxDB line protocol can do it; one line for each operation, every few seconds.'));
}

const FULL = 90;

export function disksTable(rows, fmt) {
	const bar = (r) => svg('svg', { class: 'fill', viewBox: '0 0 100 8', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
		svg('rect', { class: 'room', width: 100, height: 8 }),
		svg('rect', { class: r.percent >= FULL ? 'full' : 'used', width: Math.max(0, Math.min(100, r.percent)).toFixed(1), height: 8 }));
	return h('table', null,
		h('caption', { class: 'unseen' }, 'Disks'),
		h('thead', null, h('tr', null,
			h('th', { scope: 'col' }, 'Path'), h('th', { scope: 'col', class: 'wide left' }, 'Kind'),
			h('th', { scope: 'col', class: 'left grow' }, 'Used'), h('th', { scope: 'col' }, 'Share'),
			h('th', { scope: 'col' }, 'Free'), h('th', { scope: 'col', class: 'wide' }, 'Used of all'))),
		h('tbody', null, rows.map((r) => h('tr', null,
			h('th', { scope: 'row' }, r.path,
				r.percent >= FULL && [' ', h('span', { class: 'tag' }, 'nearly full')],
				r.inodes >= FULL && [' ', h('span', { class: 'tag' }, 'nearly out of inodes')]),
			h('td', { class: 'wide left soft' }, r.fstype),
			h('td', { class: 'left grow' }, bar(r)),
			cell(fmt.percent(r.percent), r.percent >= FULL ? 'warn' : null),
			cell(fmt.bytes(r.free ?? r.total - r.used)),
			h('td', { class: 'wide' }, quantity(fmt.bytes(r.used)), h('span', { class: 'soft' }, ' of '), quantity(fmt.bytes(r.total)))))));
}
