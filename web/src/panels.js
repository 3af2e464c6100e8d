// The panels of the page: what each is called, reads, draws and says.

import { join } from './format.js';
import { machine } from './machine.js';

// Where the scale ends: a round number whose half is round too.
const ROUND = [1, 2, 4, 6, 8, 10];

export function roundTop(max, least) {
	const v = Math.max(max || 0, least);
	const power = 10 ** Math.floor(Math.log10(v) + 1e-9);
	return ROUND.find((r) => r * power >= v * 0.9999) * power;
}

// The same for bytes: round in the unit that the label will have.
export function roundTopBytes(max, least) {
	const v = Math.max(max || 0, least);
	const unit = 1024 ** Math.min(5, Math.floor(Math.log2(v) / 10));
	const top = roundTop(v / unit, 1);
	return top > 512 ? 1024 * unit : top * unit;
}

const percentOf = (fmt) => (v) => fmt.percent(v);
const percentTick = (fmt) => (v) => fmt.short(v) + '\u00a0%';
const perSecond = (fmt) => (v) => fmt.bytes(v, '/s');

export const PANELS = [
	{
		id: 'cpu', title: 'CPU', keys: [['user', 1], ['system', 2], ['iowait', 3]], stacked: true,
		read: machine.cpu, value: percentOf, tick: percentTick,
		top: (max) => Math.min(100, roundTop(max, 10)),
		now: (d, fmt) => [fmt.percent(d.present), d.cores ? `of ${d.cores} ${d.cores === 1 ? 'core' : 'cores'}` : ''],
	},
	{
		id: 'memory', title: 'Memory', keys: [['used', 1], ['cached', 6]], stacked: true,
		read: machine.memory, value: (fmt) => (v) => fmt.bytes(v),
		top: (max, d) => d.total || roundTopBytes(max, 1024),
		now: (d, fmt) => {
			const used = fmt.bytes(d.present);
			const total = fmt.bytes(d.total);
			if (!used || !total)
				return [used, ''];
			return used.u === total.u ? [{ n: used.n, u: '' }, 'of ' + join(total)] : [used, 'of ' + join(total)];
		},
	},
	{
		id: 'pressure', title: 'Pressure', keys: [['cpu', 1], ['memory', 5], ['io', 3]],
		read: machine.pressure, value: percentOf, tick: percentTick,
		top: (max) => Math.min(100, roundTop(max, 4)),
		now: (d, fmt) => [fmt.percent(d.present), 'stalled'],
		absent: 'This kernel does not tell pressure (PSI).',
	},
	{
		id: 'network', title: 'Network', keys: [['in', 1], ['out', 2]], filled: [0],
		read: machine.network, value: perSecond,
		top: (max) => roundTopBytes(max, 1024),
		now: (d, fmt) => [fmt.bytes(d.present, '/s'), 'in'],
		absent: 'No network interface but the loopback reports.',
	},
	{
		id: 'disk', title: 'Disk', keys: [['read', 2], ['written', 3]], filled: [1],
		read: machine.disk, value: perSecond,
		top: (max) => roundTopBytes(max, 1024),
		now: (d, fmt) => [fmt.bytes(d.present, '/s'), 'written'],
		absent: 'No disk reports what it reads and writes.',
	},
	{
		id: 'load', title: 'Load', keys: [['1 min', 1], ['5 min', 2], ['15 min', 5]],
		read: machine.load, value: (fmt) => (v) => fmt.count(v),
		top: (max) => roundTop(max, 1),
		now: (d, fmt) => [fmt.count(d.present), d.cores ? `for ${d.cores} ${d.cores === 1 ? 'core' : 'cores'}` : ''],
	},
];

export const RESPONSE = {
	id: 'response', title: 'Response time, all services', wide: true,
	keys: [['mean', 1], ['p95 at most', 2], ['p99 at most', 5]], between: [0, 2],
	value: (fmt) => (v) => fmt.millis(v),
	tick: (fmt) => (v) => (v < 1000 ? fmt.short(v) + '\u00a0ms' : fmt.short(v / 1000) + '\u00a0s'),
	log: true,	// services differ by powers of ten
	now: (d, fmt) => [fmt.millis(d.present), 'p95 at most'],
};
