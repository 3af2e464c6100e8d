// The quarantine, asked for only while there is anything in it.

import { getJson } from './api.js';
import { quarantined } from './quarantine.js';

const PATH = 'api/v1/quarantine';
const EVERY_MS = 10000;

export function makeQuarantineData() {
	let answer = null;
	let error = null;
	let nextAt = 0;

	return {
		get answer() { return answer; },
		get error() { return error; },
		forget() { nextAt = 0; },

		// True: there is something new to show, be it nothing.
		async refresh(status) {
			if (!quarantined(status)) {
				const had = answer !== null || error !== null || nextAt === 0;
				answer = null;
				error = null;
				nextAt = Infinity;
				return had;
			}
			if (performance.now() < nextAt && nextAt !== Infinity)
				return false;
			nextAt = performance.now() + EVERY_MS;
			try {
				answer = await getJson(PATH, { limit: 6 });
				error = null;
			} catch (e) {
				error = e;
			}
			return true;
		},
	};
}
