// What the charts of the machine draw, out of a grid: pure functions.

import { lastOf, seriesOf, sumColumns } from './grid.js';

// "sda1" and "nvme0n1p2" are counted in "sda" and "nvme0n1" already.
function isPartitionOf(name, whole) {
	if (name === whole || !name.startsWith(whole))
		return false;
	const rest = name.slice(whole.length);
	return /\d$/.test(whole) ? /^p\d+$/.test(rest) : /^\d+$/.test(rest);
}

// So is what dm and md build on other disks; loop and ram disks are no disks.
const isLayered = (name) => /^(dm-|md\d|loop|ram|zram|sr\d|fd\d)/.test(name);

export function wholeDisks(names) {
	const whole = names.filter((n) => !names.some((other) => isPartitionOf(n, other)));
	const real = whole.filter((n) => !isLayered(n));
	return real.length ? real : whole;
}

const add = (a, b) => sumColumns([a, b], Math.max(a.length, b.length));

const result = (columns, present, extra = {}) => ({ columns, present, ...extra });

function cpu(grid) {
	const total = seriesOf(grid, 'cpu', { cpu: 'cpu-total' })[0];
	if (!total)
		return null;
	const n = grid.time.length;
	const f = total.fields;
	const user = sumColumns([f.usage_user, f.usage_nice], n);
	const system = sumColumns([f.usage_system, f.usage_irq, f.usage_softirq, f.usage_steal], n);
	const iowait = sumColumns([f.usage_iowait], n);
	const counted = seriesOf(grid, 'system')[0]?.fields.n_cpus;
	const cores = (counted && lastOf(counted, n)) || seriesOf(grid, 'cpu').length - 1;
	return result([user, system, iowait], lastOf(add(user, system)), { cores: cores > 0 ? cores : null });
}

function memory(grid) {
	const f = seriesOf(grid, 'mem')[0]?.fields;
	if (!f)
		return null;
	const n = grid.time.length;
	const used = sumColumns([f.used], n);
	const cached = sumColumns([f.cached, f.buffered], n);
	return result([used, cached], lastOf(used), { total: lastOf(sumColumns([f.total], n), n) });
}

function pressure(grid) {
	const of = (resource) => seriesOf(grid, 'pressure', { resource, type: 'some' })[0]?.fields.avg10;
	const found = ['cpu', 'memory', 'io'].map(of);
	if (found.every((c) => !c))
		return null;
	const columns = found.map((c) => sumColumns([c], grid.time.length));
	const now = columns.map((c) => lastOf(c)).filter((v) => v !== null);
	return result(columns, now.length ? Math.max(...now) : null);
}

function network(grid) {
	const cards = seriesOf(grid, 'net').filter((s) => s.tags.interface !== 'lo' && s.tags.interface !== 'all');
	if (!cards.length)
		return null;
	const columns = ['bytes_recv', 'bytes_sent'].map((f) => sumColumns(cards.map((s) => s.rates[f]), grid.time.length));
	return result(columns, lastOf(columns[0]));
}

function disk(grid) {
	const all = seriesOf(grid, 'diskio');
	const names = wholeDisks(all.map((s) => s.tags.name));
	if (!names.length)
		return null;
	const picked = all.filter((s) => names.includes(s.tags.name));
	const columns = ['read_bytes', 'write_bytes'].map((f) => sumColumns(picked.map((s) => s.rates[f]), grid.time.length));
	return result(columns, lastOf(columns[1]));
}

function load(grid) {
	const f = seriesOf(grid, 'system')[0]?.fields;
	if (!f)
		return null;
	const n = grid.time.length;
	const columns = ['load1', 'load5', 'load15'].map((name) => sumColumns([f[name]], n));
	return result(columns, lastOf(columns[0]), { cores: lastOf(sumColumns([f.n_cpus], n), n) });
}

export const machine = { cpu, memory, pressure, network, disk, load };

// One number for all services: the mean is exact, the percentiles are the
// largest of the services' own, so the true ones are not above them.
export function responseTime(answer) {
	const services = answer?.services || [];
	const n = answer?.time_ms?.length || 0;
	const mean = [];
	const p95 = [];
	const p99 = [];
	for (let i = 0; i < n; i++) {
		let count = 0;
		let sum = 0;
		let worst95 = null;
		let worst99 = null;
		for (const { series } of services) {
			const c = series?.count?.[i];
			const m = series?.mean_ms?.[i];
			if (c > 0 && typeof m === 'number') {
				count += c;
				sum += c * m;
			}
			const a = series?.p95_ms?.[i];
			const b = series?.p99_ms?.[i];
			if (typeof a === 'number')
				worst95 = Math.max(worst95 ?? 0, a);
			if (typeof b === 'number')
				worst99 = Math.max(worst99 ?? 0, b);
		}
		mean.push(count ? sum / count : null);
		p95.push(worst95);
		p99.push(worst99);
	}
	return result([mean, p95, p99], lastOf(p95, 3), { services: services.length });
}

// The mounted file systems, fullest first; one row where one is mounted often.
export function fileSystems(grid) {
	const rows = seriesOf(grid, 'disk').map(({ tags, fields }) => ({
		path: tags.path || tags.device || '', device: tags.device || '', fstype: tags.fstype || '',
		total: lastOf(fields.total || [], 6), used: lastOf(fields.used || [], 6), free: lastOf(fields.free || [], 6),
		percent: lastOf(fields.used_percent || [], 6),
		inodes: lastOf(fields.inodes_used_percent || [], 6),
	})).filter((r) => r.total > 0 && r.used !== null);
	const kept = new Map();
	for (const r of rows) {
		r.percent ??= 100 * r.used / r.total;
		const id = r.device ? r.device + ' ' + r.total : r.path;
		if (!kept.has(id) || kept.get(id).path.length > r.path.length)
			kept.set(id, r);
	}
	return [...kept.values()].sort((a, b) => b.percent - a.percent || a.path.localeCompare(b.path));
}
