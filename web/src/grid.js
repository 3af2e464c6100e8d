// Answers of /api/v1/metrics/resources kept as one regular grid of buckets,
// so that an answer for the newest buckets can be laid over a longer one.
//
// A grid: {step, time: [ms…], series: Map(key -> {resource, tags, fields, rates})}
// where each column of fields and rates is as long as time and holds null for
// "no value". Buckets that an answer leaves out become null: a gap is a gap.

const key = (resource, tags) => {
	const names = Object.keys(tags || {}).sort();
	return resource + names.map((k) => '\u0001' + k + '\u0002' + tags[k]).join('');
};

const nulls = (n) => new Array(n).fill(null);

export function gridFrom(answer) {
	const step = answer.step_ms > 0 ? answer.step_ms : 1;
	const source = answer.time_ms || [];
	const series = new Map();
	if (source.length === 0)
		return { step, time: [], series };
	const start = source[0];
	const n = Math.round((source[source.length - 1] - start) / step) + 1;
	const slot = source.map((t) => Math.round((t - start) / step));
	const regular = (column) => {
		const out = nulls(n);
		slot.forEach((at, i) => {
			if (at >= 0 && at < n)
				out[at] = column[i] ?? null;
		});
		return out;
	};
	const columns = (set) => Object.fromEntries(Object.entries(set || {}).map(([k, v]) => [k, regular(v || [])]));
	for (const [resource, list] of Object.entries(answer.resources || {}))
		for (const one of list || [])
			series.set(key(resource, one.tags), {
				resource, tags: one.tags || {}, fields: columns(one.fields), rates: columns(one.rates),
			});
	return { step, time: Array.from({ length: n }, (_, i) => start + i * step), series };
}

// Lay add's buckets over grid's. A bucket that add does not know keeps what it
// had: the first rate of an answer has no earlier value to rise from.
// Null when the two do not fit and the whole range has to be read again.
export function mergeGrid(grid, add) {
	if (add.time.length === 0)
		return grid;
	if (grid.time.length === 0)
		return add;
	const shift = (add.time[0] - grid.time[0]) / grid.step;
	if (grid.step !== add.step || !Number.isInteger(shift) || shift < 0)
		return null;
	const n = Math.max(grid.time.length, shift + add.time.length);
	const overlay = (before, after) => {
		const out = {};
		for (const name of new Set([...Object.keys(before || {}), ...Object.keys(after || {})])) {
			const column = before?.[name]?.slice() ?? [];
			while (column.length < n)
				column.push(null);
			after?.[name]?.forEach((v, i) => {
				if (v !== null)
					column[shift + i] = v;
			});
			out[name] = column;
		}
		return out;
	};
	const series = new Map();
	for (const k of new Set([...grid.series.keys(), ...add.series.keys()])) {
		const before = grid.series.get(k);
		const after = add.series.get(k);
		const { resource, tags } = after || before;
		series.set(k, {
			resource, tags,
			fields: overlay(before?.fields, after?.fields),
			rates: overlay(before?.rates, after?.rates),
		});
	}
	return { step: grid.step, time: Array.from({ length: n }, (_, i) => grid.time[0] + i * grid.step), series };
}

// Drop the buckets that end before fromMs, and series with nothing left.
export function trimGrid(grid, fromMs) {
	const cut = grid.time.findIndex((t) => t + grid.step > fromMs);
	if (cut === 0 || grid.time.length === 0)
		return grid;
	if (cut < 0)
		return { step: grid.step, time: [], series: new Map() };
	const columns = (set) => Object.fromEntries(Object.entries(set).map(([k, v]) => [k, v.slice(cut)]));
	const alive = (set) => Object.values(set).some((column) => column.some((v) => v !== null));
	const series = new Map();
	for (const [k, one] of grid.series) {
		const left = { ...one, fields: columns(one.fields), rates: columns(one.rates) };
		if (alive(left.fields) || alive(left.rates))
			series.set(k, left);
	}
	return { step: grid.step, time: grid.time.slice(cut), series };
}

// From which bucket on to ask again: the last that has values, since its mean
// may still move; two at least, and a dozen where nothing has come for long.
export function firstOpen(grid) {
	const n = grid.time.length;
	let known = -1;
	for (const one of grid.series.values())
		for (const column of Object.values(one.fields))
			for (let i = n - 1; i > known; i--)
				if (column[i] !== null && column[i] !== undefined)
					known = i;
	return Math.max(0, Math.min(n - 2, Math.max(n - 12, known)));
}

export const seriesOf = (grid, resource, match = {}) => [...grid.series.values()].filter((one) =>
	one.resource === resource && Object.entries(match).every(([k, v]) => one.tags[k] === v));

// Sum bucket by bucket; null only where every column is null.
export function sumColumns(columns, n) {
	const out = nulls(n);
	for (const column of columns)
		for (let i = 0; column && i < n; i++)
			if (column[i] !== null)
				out[i] = (out[i] ?? 0) + column[i];
	return out;
}

// The newest value that is not older than `buckets` buckets.
export function lastOf(column, buckets = 3) {
	for (let i = column.length - 1; i >= Math.max(0, column.length - buckets); i--)
		if (column[i] !== null && column[i] !== undefined)
			return column[i];
	return null;
}

const STEPS_S = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

// The finest step that is not finer than the collection itself (every other
// bucket would be empty) and gives at most `buckets` buckets.
export function stepFor(spanS, intervalS, buckets = 360) {
	const least = Math.max(spanS / buckets, intervalS || 1);
	return STEPS_S.find((s) => s >= least) ?? STEPS_S[STEPS_S.length - 1];
}
