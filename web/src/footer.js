// What the appliance itself costs and where its ceilings are.

import { $, setText } from './dom.js';
import { join } from './format.js';

const WINDOW_MS = 60000;
let samples = [];

// Share of a core over the last minute; before that, since the start.
function share(status) {
	const now = { at: status.now_ms, cpu: status.process?.cpu_s };
	if (typeof now.cpu !== 'number')
		return null;
	if (samples.length && (now.at <= samples[samples.length - 1].at || now.cpu < samples[samples.length - 1].cpu))
		samples = [];
	samples.push(now);
	samples = samples.filter((s) => now.at - s.at <= WINDOW_MS);
	const first = samples[0];
	if (now.at - first.at >= 10000)
		return 100000 * (now.cpu - first.cpu) / (now.at - first.at);
	return status.uptime_s > 0 ? 100 * now.cpu / status.uptime_s : null;
}

export function showFooter(status, fmt) {
	const of = fmt.percent(share(status));
	const memory = fmt.bytes(status.process?.memory_bytes);
	setText($('about'), [
		'Holdfast ' + (status.version ?? ''),
		typeof status.uptime_s === 'number' && 'up ' + fmt.duration(status.uptime_s),
		of && join(of) + ' of a core', memory && join(memory) + ' of memory',
	].filter(Boolean).join(' · '));
	const { spool = {}, head = {}, series = {} } = status;
	const ceilings = [
		spool.max_bytes > 0 && join(fmt.bytes(spool.max_bytes)) + ' on disk',
		head.max_bytes > 0 && join(fmt.bytes(head.max_bytes)) + ' in memory',
		series.max > 0 && fmt.integer(series.max) + ' series',
	].filter(Boolean);
	setText($('limits'), ceilings.length ? 'Keeps at most ' + ceilings.join(', ') : '');
}
