// The targets: InfluxDB and the mirrors, how far each is, and what to do where
// one needs somebody.

import { h, quantity } from './dom.js';
import { join, plural } from './format.js';

const STATES = {
	starting: ['Connecting', 'calm'],
	up: ['In step', 'well'],
	catching_up: ['Catching up', 'wait'],
	down: ['Down', 'wait'],
	held: ['Refuses', 'wait'],
	paused: ['Paused', 'wait'],
};

export const targetsOf = (status) => status?.replication?.targets ?? [];

// The one that the way of a point ends at: InfluxDB, or the first mirror.
export const leadOf = (status) => targetsOf(status)[0] ?? null;

export const recordOf = (status) => targetsOf(status).find((t) => t.kind === 'record') ?? null;

export const nameOf = (t) => (t.name ?? t.target ?? 'InfluxDB').replace(/^t/, 'T');

const ok = (v) => typeof v === 'number' && Number.isFinite(v);

// What is said of a target, in words and figures: pure.
export function targetRow(t, nowMs, fmt) {
	const [word, tone] = STATES[t.state] ?? [String(t.state ?? 'not known').replace(/_/g, ' '), 'wait'];
	const notes = [];
	if (t.advice)
		notes.push(t.advice);
	if (t.advice && t.last_error && t.state !== 'paused')
		notes.push(`It says “${t.last_error}”.`);
	if (t.next_try_ms > nowMs)
		notes.push('Next try in ' + join(fmt.span(Math.ceil((t.next_try_ms - nowMs) / 1000))) + '.');
	if (t.held_databases > 0)
		notes.push(`${t.held_databases} ${plural(t.held_databases, 'database')} of it ${plural(t.held_databases, 'takes', 'take')} nothing.`);
	if (t.replay?.points > 0)
		notes.push(`${join(fmt.count(t.replay.points))} ${plural(t.replay.points, 'point')} out of quarantine to be sent again.`);
	if (t.owed?.points_estimate > 0)
		notes.push(`About ${join(fmt.count(t.owed.points_estimate))} points more are only in the store, and sent in their turn.`);
	return {
		target: t.target, name: nameOf(t), where: t.url ?? '', word, tone, state: t.state,
		since: ok(t.since_ms) ? 'since ' + fmt.clock(t.since_ms, nowMs) : '',
		live: t.live?.points > 0 ? fmt.span(t.live.lag_s) : null,
		backlog: t.backlog?.points > 0 ? fmt.count(t.backlog.points) : null,
		waiting: t.lag_points > 0 ? fmt.count(t.lag_points) : null,
		rate: fmt.count(ok(t.points_per_s) ? t.points_per_s : null),
		left: t.backlog?.points > 0 && ok(t.eta_s) ? fmt.span(t.eta_s) : null,
		unknown: t.backlog?.points > 0 && !ok(t.eta_s),
		took: fmt.millis(ok(t.latency_ms?.p99) ? t.latency_ms.p99 : null),
		notes,
	};
}

export function targetsNote(targets) {
	const away = targets.filter((t) => ['down', 'held', 'paused'].includes(t.state)).length;
	const all = `${targets.length} ${plural(targets.length, 'target')}`;
	const kept = 'all that waits is kept here';
	if (targets.length < 2)
		return away ? kept : '';
	return all + (away ? `, ${away} of them not taking points; ${kept}` : '');
}

const soft = (text) => h('span', { class: 'soft' }, text);
const cell = (pair, none, cls) => h('td', { class: cls }, pair ? quantity(pair) : soft(none));

// act(action, target): what its button does.
function button(r, act) {
	const what = { paused: ['resume', 'Go on'], down: ['retry', 'Try now'], held: ['retry', 'Try now'] }[r.state];
	return what && h('button', { type: 'button', 'data-key': what[0] + r.target, 'aria-label': `${what[1]}: ${r.name}`,
		onclick: () => act(what[0], r.target) }, what[1]);
}

export function targetsTable(rows, act) {
	const body = rows.flatMap((r) => [
		h('tr', { class: r.notes.length ? 'more' : null },
			h('th', { scope: 'row' }, r.name, r.where && h('span', { class: 'soft where wide' }, ' ' + r.where)),
			h('td', { class: 'left' }, h('span', { class: 'state', 'data-state': r.state, 'data-tone': r.tone }, r.word),
				r.since && h('span', { class: 'soft wide' }, ' ' + r.since)),
			cell(r.waiting, 'none'), cell(r.live, 'at once', 'wide'), cell(r.backlog, 'none', 'wide'),
			cell(r.rate, 'none', 'wide'), cell(r.left, r.unknown ? 'not known' : 'none', 'wide'), cell(r.took, 'none yet', 'wide'),
			h('td', null, button(r, act))),
		r.notes.length && h('tr', { class: 'notes' }, h('td', { colspan: 9 }, r.notes.join(' '))),
	]).filter(Boolean);
	return h('table', null,
		h('caption', { class: 'unseen' }, 'Where points are delivered to'),
		h('thead', null, h('tr', null,
			h('th', { scope: 'col' }, 'Target'), h('th', { scope: 'col', class: 'left' }, 'State'),
			h('th', { scope: 'col' }, 'Waiting'), h('th', { scope: 'col', class: 'wide' }, 'New points, behind'),
			h('th', { scope: 'col', class: 'wide' }, 'Backlog'), h('th', { scope: 'col', class: 'wide' }, 'Points/s'),
			h('th', { scope: 'col', class: 'wide' }, 'Backlog done in'), h('th', { scope: 'col', class: 'wide' }, 'Write, p99'),
			h('th', { scope: 'col' }, h('span', { class: 'unseen' }, 'What can be done')))),
		h('tbody', null, body));
}

export const targetsEmpty = () => h('div', { class: 'empty' },
	h('p', null, 'Points are kept on this machine only. To have them delivered, name an InfluxDB in holdfast.conf and restart:'),
	h('pre', null, h('code', null, '[influxdb]\nurl = http://127.0.0.1:8086')),
	h('p', { class: 'soft' }, 'Sections [mirror "name"] add further places that get everything.'));
