// A panel: head, key, chart or table. All panels share the time axis, the
// cursor and the zoom; uPlot draws, this file says what.

import uPlot from 'uplot';
import { drawLabels, drawMarks, palette, wash } from './canvas.js';
import { h, setText } from './dom.js';
import { join } from './format.js';
import { decades } from './tables.js';

const SYNC = 'page';
const ROWS = 40;	// of the table that stands for a chart

// Only the values without a neighbour get a dot: a line would not show them.
function loners(u, series) {
	const column = u.data[series];
	const out = [];
	for (let i = 0; i < column.length; i++)
		if (column[i] !== null && (column[i - 1] ?? null) === null && (column[i + 1] ?? null) === null)
			out.push(i);
	return out;
}

// A sample can fall just beside its bucket: one empty bucket alone is no gap.
function realGaps(u, series, from, to, gaps) {
	const t = u.data[0];
	const step = t.length > 1 ? u.valToPos(t[1], 'x', true) - u.valToPos(t[0], 'x', true) : 0;
	return gaps.filter(([a, b]) => b - a > 2.2 * step);
}

const stack = (columns) => columns.map((_, k) => columns[0].map((first, i) => {
	if (first === null)
		return null;
	let sum = 0;
	for (let j = 0; j <= k; j++)
		sum += columns[j][i] ?? 0;
	return sum;
}));

export class Panel {
	// hub: {fmt, marks(), spanWords(), onZoom(from, to), onBack()}
	constructor(spec, hub) {
		this.spec = spec;
		this.hub = hub;
		this.plot = null;
		this.data = null;
		this.build();
		new ResizeObserver(() => this.resize()).observe(this.room);
	}

	build() {
		const { spec } = this;
		const id = 'panel-' + spec.id;
		this.figure = h('p', { class: 'now' });
		this.keyValues = spec.keys.map(() => h('b'));
		this.key = h('p', { class: 'key' }, spec.keys.map(([label, c], i) =>
			h('span', null, h('i', { class: 'c' + c }), label + ' ', this.keyValues[i])));
		this.room = h('div', { class: 'plot', role: 'img', 'aria-labelledby': id });
		this.message = h('p', { class: 'message', hidden: true });
		this.table = h('div', { class: 'values', tabindex: '0', role: 'region', 'aria-labelledby': id, hidden: true });
		this.toggle = h('button', { class: 'quiet', type: 'button', 'aria-pressed': 'false',
			'aria-label': spec.title + ' as a table', onclick: () => this.swap() }, 'Table');
		this.tip = h('div', { class: 'tip', hidden: true });
		this.root = h('article', { class: 'panel' + (spec.wide ? ' all' : '') },
			h('div', { class: 'head' }, h('h3', { id }, spec.title), this.figure),
			h('div', { class: 'under' }, this.key, this.toggle),
			h('div', { class: 'frame' }, this.room, this.message, this.table));
	}

	// data: {time, columns, present, …} or null where nothing reports.
	show(data, view, why) {
		this.data = data;
		this.view = view;
		const empty = !data || data.columns.every((c) => c.every((v) => v === null));
		this.message.hidden = !empty;
		setText(this.message, empty ? why : '');
		this.toggle.hidden = empty;
		this.root.classList.toggle('bare', empty);
		if (empty) {
			this.figure.replaceChildren();
			this.key.hidden = true;
			this.plot?.destroy();
			this.plot = null;
			return;
		}
		this.key.hidden = false;
		this.sayNow();
		this.draw();
		if (!this.table.hidden)
			this.fillTable();
	}

	sayNow() {
		const [pair, note] = this.spec.now(this.data, this.hub.fmt);
		this.figure.replaceChildren(...(pair
			? [pair.n, h('small', null, '\u00a0' + [pair.u, note].filter(Boolean).join(' '))]
			: [h('small', null, 'no value at present')]));
		if (this.plot?.cursor.idx === null || this.plot?.cursor.idx === undefined)
			this.sayKey(null);
		this.room.setAttribute('aria-label', this.spec.title + ', ' + this.hub.spanWords() + ': '
			+ (pair ? join(pair) + ' ' + note : 'no value at present') + '. The button Table shows the values.');
		this.room.removeAttribute('aria-labelledby');
	}

	// The values in the key: of one bucket, or the newest.
	sayKey(idx) {
		const value = this.spec.value(this.hub.fmt);
		this.data.columns.forEach((column, i) => {
			let v = idx === null ? null : column[idx];
			for (let k = column.length - 1; idx === null && k >= Math.max(0, column.length - 3) && v === null; k--)
				v = column[k];
			setText(this.keyValues[i], join(value(v ?? null)));
		});
	}

	// The scale: {min, max, splits}, round numbers all of them.
	measure() {
		const { spec, data } = this;
		if (spec.log) {
			const [lo, hi] = decades(data.columns.flat());
			const splits = Array.from({ length: hi - lo + 1 }, (_, i) => 10 ** (lo + i));
			return { min: splits[0], max: splits[splits.length - 1], splits };
		}
		const drawn = spec.stacked ? stack(data.columns).at(-1) : data.columns.flat();
		let max = 0;
		for (const v of drawn)
			if (v > max)
				max = v;
		const top = spec.top(max, data);
		return { min: 0, max: top, splits: [0, top / 2, top] };
	}

	draw() {
		const { spec, data } = this;
		const drawn = spec.stacked ? stack(data.columns) : data.columns;
		this.scale = this.measure();
		if (!this.plot && this.room.clientWidth)
			this.plot = new uPlot(this.options(), [data.time, ...drawn], this.room);
		else
			this.plot?.setData([data.time, ...drawn], true);
	}

	options() {
		const { spec } = this;
		const text = spec.tick?.(this.hub.fmt) ?? ((v) => join(spec.value(this.hub.fmt)(v)));
		const size = { width: this.room.clientWidth, height: this.room.clientHeight };
		return {
			...size, ms: 1, legend: { show: false }, padding: [16, 0, 0, 0],
			scales: {
				x: { time: true, range: () => [this.view.from, this.view.to] },
				y: { distr: spec.log ? 3 : 1, range: () => [this.scale.min, this.scale.max] },
			},
			axes: [
				{
					size: 20, gap: 4, space: 76, font: palette.label + 'px ' + palette.font, stroke: () => palette.soft,
					grid: { show: false }, ticks: { show: false }, border: { show: true, width: 1, stroke: () => palette.line },
					values: (u, splits) => this.times(u, splits),
				},
				{
					size: 0, ticks: { show: false }, values: () => [], splits: () => this.scale.splits,
					grid: { width: 1, dash: [2, 4], stroke: () => palette.line, filter: (u, s) => s.map((v, i) => (i ? v : null)) },
				},
			],
			series: [{}, ...spec.keys.map((k, i) => this.series(i))],
			bands: this.bands(),
			cursor: {
				y: false, points: { size: 6, width: 1.5, fill: (u, i) => this.colour(i - 1), stroke: () => palette.surface },
				drag: { x: true, y: false, setScale: false },
				sync: { key: SYNC, filters: { pub: (type) => type !== 'mousedown' && type !== 'mouseup' } },
				bind: { dblclick: () => () => this.hub.onBack() },
			},
			hooks: {
				drawAxes: [(u) => drawMarks(u, this.hub.marks())],
				draw: [(u) => drawLabels(u, this.scale.splits, text)],
				setCursor: [(u) => this.point(u)],
				setSelect: [(u) => this.select(u)],
				ready: [(u) => u.over.append(this.tip)],
			},
		};
	}

	colour(i) {
		return palette.series[this.spec.keys[i][1]];
	}

	series(i) {
		const { spec } = this;
		const filled = spec.stacked ? i === 0 : spec.filled?.includes(i);
		return {
			scale: 'y', gaps: realGaps, width: spec.stacked ? 1 : 1.6, stroke: () => this.colour(i),
			fill: filled ? () => wash(this.colour(i), spec.stacked ? 0.5 : 0.24) : undefined,
			points: {
				show: true, size: 3, width: 0, fill: () => this.colour(i), stroke: () => this.colour(i),
				filter: (u, si) => loners(u, si),
			},
		};
	}

	bands() {
		const { spec } = this;
		if (spec.between) {
			const [lo, hi] = spec.between;
			return [{ series: [hi + 1, lo + 1], fill: () => wash(palette.series[2], 0.12) }];
		}
		return spec.stacked ? spec.keys.slice(1).map((k, i) => ({
			series: [i + 2, i + 1], fill: () => wash(this.colour(i + 1), 0.5),
		})) : [];
	}

	// A label that would be cut at the edge is left out.
	times(u, splits) {
		const { fmt } = this.hub;
		const room = u.bbox.width / devicePixelRatio;
		const seconds = splits.length > 1 && splits[1] - splits[0] < 60000;
		return splits.map((t) => {
			const x = u.valToPos(t, 'x');
			if (x < 18 || x > room - 18)
				return '';
			return !fmt.sameDay(t, t - 1) ? fmt.day(t) : fmt.clock(t, t, seconds);
		});
	}

	point(u) {
		const { idx, left } = u.cursor;
		const on = idx !== null && idx !== undefined && left >= 0;
		if (this.data)
			this.sayKey(on ? idx : null);
		const mine = on && u.over.matches(':hover');
		this.tip.hidden = !mine;
		if (!mine)
			return;
		const value = this.spec.value(this.hub.fmt);
		const t = this.data.time[idx];
		this.tip.replaceChildren(h('time', null, this.hub.fmt.clock(t, Date.now(), true)),
			...this.spec.keys.map(([label, c], i) => h('span', null, h('i', { class: 'c' + c }), label,
				h('b', null, join(value(this.data.columns[i][idx])) || 'no value'))));
		const room = u.over.clientWidth;
		const flip = left > room / 2;
		this.tip.style.left = flip ? '' : left + 12 + 'px';
		this.tip.style.right = flip ? room - left + 12 + 'px' : '';
	}

	select(u) {
		const { left, width } = u.select;
		if (width < 6)
			return;
		const from = u.posToVal(left, 'x');
		const to = u.posToVal(left + width, 'x');
		u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
		this.hub.onZoom(from, to);
	}

	resize() {
		if (!this.data || !this.room.clientWidth)
			return;
		if (this.plot)
			this.plot.setSize({ width: this.room.clientWidth, height: this.room.clientHeight });
		else if (this.message.hidden)
			this.draw();
	}

	repaint() {
		this.plot?.redraw(true, true);
	}

	swap() {
		const open = this.table.hidden;
		this.table.hidden = !open;
		this.room.classList.toggle('away', open);
		this.toggle.setAttribute('aria-pressed', String(open));
		if (open)
			this.fillTable();
	}

	fillTable() {
		const { spec, data, hub } = this;
		const value = spec.value(hub.fmt);
		const rows = [];
		for (let i = data.time.length - 1; i >= 0 && rows.length < ROWS; i--)
			if (data.columns.some((c) => c[i] !== null))
				rows.push(h('tr', null, h('th', { scope: 'row' }, hub.fmt.clock(data.time[i], Date.now(), true)),
					data.columns.map((c) => h('td', null, join(value(c[i])) || '–'))));
		this.table.replaceChildren(h('table', null,
			h('caption', { class: 'unseen' }, spec.title + ', the newest values first'),
			h('thead', null, h('tr', null, h('th', { scope: 'col' }, 'Time'),
				spec.keys.map(([label]) => h('th', { scope: 'col' }, label)))),
			h('tbody', null, rows)));
	}
}
