// What a target refused for good: how much for which reason, the newest with
// the server's own words, and a way to send it again.

import { h, quantity } from './dom.js';
import { join, plural } from './format.js';
import { targetsOf } from './targets.js';

const SHOWN = 6;
const LINE = 160;

const REASONS = {
	type_conflict: 'Another type than the field has there',
	beyond_retention: 'Older than is kept there',
	too_long: 'Too long',
	unparsable: 'Could not be parsed there',
	poison: 'Ends the server, or draws an error of it, each time',
	skipped: 'Set aside by hand while it was held',
	other: 'Another reason',
};

export const reasonWords = (code) => REASONS[code] ?? String(code ?? 'no reason told').replace(/_/g, ' ');

export const quarantined = (status) => targetsOf(status).reduce((n, t) => n + (t.quarantined_points ?? 0), 0);

export function quarantineNote(q, fmt) {
	const parts = [`${join(fmt.count(q.points))} ${plural(q.points, 'point')}`];
	if (q.max_points > 0)
		parts.push(`the oldest go above ${fmt.integer(q.max_points)}`);
	if (q.replay_points > 0)
		parts.push(`${join(fmt.count(q.replay_points))} to be sent again`);
	return parts.join('; ');
}

// Counts, the largest first.
export const countRows = (q) => [...(q.counts ?? [])].sort((a, b) => b.points - a.points);

const cut = (line) => (line.length > LINE ? line.slice(0, LINE) + '…' : line);
const shownTarget = (t) => (t === 'influxdb' ? 'InfluxDB' : String(t).replace(/^mirror:/, 'mirror '));

// replay(count): what the button of a row does.
function countsTable(rows, replay, fmt) {
	const button = (c) => c.configured !== false && c.points > (c.replay_points ?? 0)
		&& h('button', { type: 'button', 'data-key': c.target + ' ' + c.reason_code,
			'aria-label': `Send again: ${shownTarget(c.target)}, ${reasonWords(c.reason_code)}`, onclick: () => replay(c) }, 'Send again');
	return h('table', null,
		h('caption', { class: 'unseen' }, 'Points in quarantine by reason'),
		h('thead', null, h('tr', null,
			h('th', { scope: 'col' }, 'Why'), h('th', { scope: 'col', class: 'left wide' }, 'Refused by'),
			h('th', { scope: 'col' }, 'Points'), h('th', { scope: 'col' }, h('span', { class: 'unseen' }, 'What can be done')))),
		h('tbody', null, rows.map((c) => h('tr', null,
			h('th', { scope: 'row' }, reasonWords(c.reason_code)),
			h('td', { class: 'left wide' }, shownTarget(c.target), c.configured === false && h('span', { class: 'soft' }, ', not configured any more')),
			h('td', null, quantity(fmt.count(c.points)), c.replay_points > 0 && h('span', { class: 'soft wide' }, ` ${join(fmt.count(c.replay_points))} on the way`)),
			h('td', null, button(c))))));
}

const entry = (e, nowMs, fmt) => h('li', null,
	h('time', { datetime: new Date(e.at_ms).toISOString() }, fmt.clock(e.at_ms, nowMs)),
	h('span', null, shownTarget(e.target), ': ', e.reason || 'no reason told', ' ', h('code', { class: 'soft' }, cut(e.line ?? ''))));

export const quarantineView = (q, nowMs, replay, fmt) => [
	countRows(q).length > 0 && countsTable(countRows(q), replay, fmt),
	h('ol', { class: 'events' }, (q.entries ?? []).slice(0, SHOWN).map((e) => entry(e, nowMs, fmt))),
].filter(Boolean);

export const QUARANTINE_EMPTY = 'Nothing. A point that a target refuses for what it is would stand here, with the server\u2019s words, and could be sent again.';

export const replayWords = (c, fmt) => `Send ${join(fmt.count(c.points))} ${plural(c.points, 'point')} to ${shownTarget(c.target)} again? `
	+ 'Do it once the cause is mended: what is refused once more comes back here.';
