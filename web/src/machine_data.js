// Keeps the machine's figures for the stretch of time shown: the whole of it
// once, then only the newest buckets and what came after.

import { getJson } from './api.js';
import { firstOpen, gridFrom, mergeGrid, stepFor, trimGrid } from './grid.js';

const PATH = 'api/v1/metrics/resources';
const RESOURCES = 'cpu,mem,disk,diskio,net,system,pressure';
const WHOLE_AGAIN_MS = 600000;	// late points and other sources come in by then

export function makeMachineData() {
	let grid = null;
	let wanted = '';
	let wholeAt = 0;
	let nextAt = 0;
	let failures = 0;
	let told = null;
	let error = null;
	let busy = null;

	// The browser's own monotonic clock: the daemon's may be set.
	const clock = () => performance.now();

	async function load(view, intervalS) {
		const spanS = (view.to - view.from) / 1000;
		const step = stepFor(spanS, intervalS);
		if (grid?.time.length && grid.time[grid.time.length - 1] > view.to + 60000)
			grid = null;	// the daemon's clock went back
		const whole = !grid || clock() - wholeAt > WHOLE_AGAIN_MS;
		const from = whole || grid.time.length < 2 ? view.from - step * 1000 : grid.time[firstOpen(grid)];
		busy = new AbortController();
		const params = { resource: RESOURCES, from: String(Math.floor(from)), step: step + 's' };
		if (view.fixed)
			params.to = String(Math.ceil(view.to + step * 1000));
		const mine = busy;
		const answer = await getJson(PATH, params, { signal: mine.signal, timeoutMs: 15000 });
		const add = gridFrom(answer);
		const next = whole ? add : mergeGrid(grid, add);
		if (!next) {
			grid = null;	// the step changed under us: whole again, next turn
			return;
		}
		grid = trimGrid(next, view.from);
		if (whole)
			wholeAt = clock();
		told = whole ? answer : {
			source: told?.source ?? answer.source,
			complete: (told?.complete ?? true) && answer.complete,
			reason: answer.complete ? told?.reason ?? null : answer.reason,
		};
	}

	return {
		get grid() { return grid; },
		get told() { return told; },
		get error() { return error; },

		// Another range, another zoom, another state of the record.
		forget() {
			busy?.abort();
			grid = null;
			nextAt = 0;
		},

		// view: {from, to, fixed, id}. True where something new is there.
		async refresh(view, intervalS) {
			if (view.id !== wanted) {
				wanted = view.id;
				grid = null;
				nextAt = 0;
			}
			if (clock() < nextAt || (view.fixed && grid))
				return false;
			try {
				await load(view, intervalS);
				failures = 0;
				error = null;
				nextAt = clock() + Math.min(30, Math.max(2, intervalS || 10)) * 1000;
			} catch (e) {
				if (e.status === -1)
					return false;
				error = e;
				failures++;
				nextAt = clock() + Math.min(60000, 2000 * 2 ** failures);
			}
			return true;
		},
	};
}
