// Which stretch of time the page shows, kept in the address so that it can be
// sent to somebody: ?range=6h, or ?from=…&to=… after a zoom.

export const RANGES = [
	{ id: '15m', seconds: 900, word: 'Last 15 minutes' },
	{ id: '1h', seconds: 3600, word: 'Last hour' },
	{ id: '6h', seconds: 21600, word: 'Last 6 hours' },
	{ id: '24h', seconds: 86400, word: 'Last 24 hours' },
];

export const rangeOf = (id) => RANGES.find((r) => r.id === id) ?? RANGES[1];

export function readSpan(search) {
	const q = new URLSearchParams(search);
	const from = Number(q.get('from'));
	const to = Number(q.get('to'));
	const zoomed = from > 0 && to - from >= 1000;
	return { range: rangeOf(q.get('range')), zoom: zoomed ? { from, to } : null };
}

export function writeSpan({ range, zoom }) {
	const q = new URLSearchParams();
	if (range !== RANGES[1])
		q.set('range', range.id);
	if (zoom) {
		q.set('from', String(Math.round(zoom.from)));
		q.set('to', String(Math.round(zoom.to)));
	}
	const text = q.toString();
	return text ? '?' + text : '';
}
