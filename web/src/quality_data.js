// What is refused and what grows, asked for only while there is any of it.

import { getJson } from './api.js';
import { qualityMatters } from './quality.js';

const PATH = 'api/v1/quality';
const EVERY_MS = 10000;

export function makeQualityData() {
	let answer = null;
	let nextAt = 0;

	return {
		get answer() { return answer; },

		// True: there is something new to show, be it nothing.
		async refresh(status) {
			if (!qualityMatters(status)) {
				const had = answer !== null;
				answer = null;
				nextAt = 0;
				return had;
			}
			if (performance.now() < nextAt)
				return false;
			nextAt = performance.now() + EVERY_MS;
			try {
				answer = await getJson(PATH);
				return true;
			} catch {
				return false;	// the status says that it is there; the next turn asks again
			}
		},
	};
}
