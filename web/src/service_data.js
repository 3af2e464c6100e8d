// The services' figures of the stretch of time shown, read whole each time:
// percentiles can't be put together out of parts.

import { getJson } from './api.js';
import { stepFor } from './grid.js';

const PATH = 'api/v1/metrics/performance';
const EVERY_MS = 20000;

export function makeServiceData() {
	let answer = null;
	let error = null;
	let wanted = '';
	let nextAt = 0;
	let failures = 0;

	return {
		get answer() { return answer; },
		get error() { return error; },
		forget() { nextAt = 0; },

		async refresh(view, intervalS) {
			if (view.id !== wanted) {
				wanted = view.id;
				nextAt = 0;
			} else if (performance.now() < nextAt || (view.fixed && answer && !error)) {
				return false;
			}
			const step = stepFor((view.to - view.from) / 1000, intervalS, 120);
			const params = { from: String(Math.floor(view.from)), step: step + 's' };
			if (view.fixed)
				params.to = String(Math.ceil(view.to + step * 1000));
			try {
				answer = await getJson(PATH, params, { timeoutMs: 15000 });
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
