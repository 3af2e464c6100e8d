// Draws the way of a point: four stations in words, the strand behind them.
// What it draws is decided in stations.js, how it bends in strand.js.

import { h, replaceIfNew, svg } from './dom.js';
import { halfWidth, ribbon, root, spread, swelling, wave } from './strand.js';

const KNOT = 7.5;

function station(s) {
	return h('li', { class: 'station', 'data-tone': s.tone },
		h('h3', null, s.title),
		h('p', { class: 'figure' }, s.value?.n ?? 'not known',
			h('small', null, '\u00a0' + [s.value?.u, s.what].filter(Boolean).join(' '))),
		h('p', { class: 'note' }, s.notes.join(', '), s.code && [' ', h('code', null, s.code)]));
}

export function makeWay(host) {
	const drawing = svg('svg', { class: 'strand', 'aria-hidden': 'true' });
	const list = h('ol', { class: 'stations' });
	host.append(drawing, list);
	let last = null;

	function draw() {
		if (!last || !host.clientWidth)
			return;
		const axis = getComputedStyle(host).getPropertyValue('--axis').trim() === 'y' ? 'y' : 'x';
		const w = drawing.clientWidth;
		const height = drawing.clientHeight;
		const length = axis === 'y' ? height : w;
		const across = axis === 'y' ? w : height;
		const box = list.getBoundingClientRect();
		const starts = [...list.children].map((el) => {
			const r = el.getBoundingClientRect();
			return axis === 'y' ? r.top - box.top : r.left - box.left;
		});
		drawing.setAttribute('viewBox', `0 0 ${w} ${height}`);
		drawing.replaceChildren(...pieces(last, { axis, length, middle: across / 2, room: across / 2 - 6, starts }));
	}

	new ResizeObserver(draw).observe(host);

	return {
		show({ stations, flow }) {
			replaceIfNew(list, stations, () => stations.map(station));
			last = flow;
			draw();
		},
	};
}

function pieces(flow, { axis, length, middle, room, starts }) {
	const hang = axis === 'y';
	// Lying, each knot stands above its station's words; hanging, beside its title.
	const knots = starts.slice(1).map((s) => s + (hang ? 11 : KNOT + 2));
	const [held, kept, done] = knots;
	const bend = wave([held, kept, done, Math.max(done + 1, length)], middle, hang ? 0 : 3.5);
	const half = halfWidth(flow.values);
	const onward = flow.writable ? half : halfWidth(0);
	const out = [];
	const band = (cls, s0, s1, width) => out.push(svg('path', { class: cls, d: ribbon(axis, s0, s1, bend, width) }));
	const dots = (cls, s0, s1) => out.push(svg('line', {
		class: 'dots ' + cls,
		x1: hang ? middle : s0, y1: hang ? s0 : middle, x2: hang ? middle : s1, y2: hang ? s1 : middle,
	}));
	const knot = (s, cls) => out.push(svg('circle', {
		class: 'knot ' + cls, cx: hang ? middle : s, cy: hang ? s : middle, r: KNOT,
	}));

	const ends = spread(flow.roots.length, middle, room);
	flow.roots.forEach((r, i) => {
		const reach = r.broken ? 0.55 : flow.writable ? 1 : 0.8;
		out.push(svg('path', {
			class: 'root ' + (r.broken ? 'warn' : 'well'), d: root(axis, hang ? 2 : 0, held, ends[i], middle, reach),
			'stroke-width': Math.max(1, 1.5 * halfWidth(r.perSecond) - 0.6).toFixed(1),
		}));
	});

	if (!flow.writable) {
		dots('bad', held - 34, held - 12);
		band('well faded', held, kept, () => 1);
		knot(held, 'bad');
	} else {
		band('well', held, kept, () => half);
		knot(held, 'well');
	}

	const reach = ['down', 'held', 'paused', 'starting'].includes(flow.state) ? 0.72 : 1;
	const stop = kept + (done - kept) * reach;
	const swell = swelling(flow.waiting, room);
	if (swell > 0)
		band('wait wash', kept, stop, (u) => onward + Math.max(0, swell - onward) * Math.sin(Math.PI * u) ** 1.3);

	if (flow.state === 'off') {
		// Nothing is wrong: the strand comes to its end where the points stay.
		const tip = kept + (done - kept) * 0.3;
		band('well', kept, tip, (u) => onward * (1 - u) ** 0.8);
		knot(kept, 'well');
		return out;
	}
	const tone = flow.state === 'up' ? 'well' : flow.state === 'starting' ? 'well' : 'wait';
	band(tone, kept, stop, (u) => (reach < 1 ? onward * Math.min(1, (1 - u) * 9 + 0.15) : onward));
	if (reach < 1) {
		dots(tone, stop + 10, done - 12);
		dots(tone, done + 14, length - 2);
	} else {
		band('well', done, length, () => (flow.state === 'up' ? onward : halfWidth(flow.delivered)));
	}
	knot(kept, 'well');
	knot(done, tone);
	return out;
}
