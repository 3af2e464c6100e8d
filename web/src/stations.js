// What the four stations of a point's way say, and what the strand between
// them looks like, out of one status. Pure: the drawing is way.js's.
//
// A station: {title, value: {n, u} or null, what, notes: [text], tone, code}
// where tone is '', 'warn' or 'bad'. The flow: what strand.js needs.

import { join, plural } from './format.js';
import { leadOf, nameOf, targetsOf } from './targets.js';

const ok = (v) => typeof v === 'number' && Number.isFinite(v);

export function hostOf(url) {
	try {
		return new URL(url).host;
	} catch {
		return url || 'InfluxDB';
	}
}

function collected(status, fmt) {
	const { collect = {}, ingest = {} } = status;
	const all = collect.collectors?.length ?? 0;
	const failing = collect.collectors?.filter((c) => !c.ok) ?? [];
	const rate = ingest.values_per_s ?? collect.values_per_s;
	const notes = [];
	if (!collect.enabled)
		notes.push('collecting from this machine is off');
	else if (failing.length)
		notes.push(`${failing.length} of ${all} collectors failing`);
	else if (all)
		notes.push(`${all} ${plural(all, 'collector')}`);
	const received = (ingest.values_per_s ?? 0) - (collect.enabled ? collect.values_per_s ?? 0 : 0);
	if (received >= 0.5)
		notes.push(`${join(fmt.count(received))} a second received`);
	return {
		title: 'Collected', value: fmt.count(rate), what: 'values/s', notes,
		tone: failing.length ? 'warn' : '',
	};
}

function held(status, fmt) {
	const { spool = {}, ingest = {} } = status;
	if (spool.writable === false)
		return {
			title: 'Not held', value: { n: 'Nothing', u: '' }, what: 'reaches the disk',
			notes: [spool.error || 'the spool cannot be written'], tone: 'bad',
		};
	const notes = [];
	if (ok(spool.bytes))
		notes.push('spool ' + join(fmt.bytes(spool.bytes)) + (spool.max_bytes > 0 ? ' of ' + join(fmt.bytes(spool.max_bytes)) : ''));
	if (spool.points > 0)
		notes.push(`${join(fmt.count(spool.points))} ${plural(spool.points, 'point')}`);
	if (ingest.queue_bytes > 0)
		notes.push(join(fmt.bytes(ingest.queue_bytes)) + ' on the way to it');
	return {
		title: 'Held', value: fmt.millis(ingest.commit_ms) ?? { n: 'Nothing yet', u: '' },
		what: ok(ingest.commit_ms) ? 'to disk' : '', notes, tone: '',
	};
}

// oldestMs: when the oldest point that is kept was taken; null: not known, or none
function kept(status, nowMs, fmt, oldestMs) {
	const { head = {} } = status;
	const notes = [];
	if (head.series > 0)
		notes.push(`${join(fmt.count(head.series))} series`);
	if (head.bytes > 0)
		notes.push(join(fmt.bytes(head.bytes)) + ' in memory');
	const reach = ok(oldestMs) ? (nowMs - oldestMs) / 1000 : null;
	return {
		title: 'Kept', value: reach === null ? { n: 'Nothing yet', u: '' } : fmt.span(reach),
		what: reach === null ? '' : 'back, on this machine', notes, tone: '',
	};
}

function nextTry(r, nowMs, fmt) {
	if (!ok(r.next_try_ms) || r.next_try_ms <= 0)
		return '';
	const s = Math.ceil((r.next_try_ms - nowMs) / 1000);
	return s > 0 ? 'next try in ' + join(fmt.span(s)) : 'trying now';
}

// Those beside the one that is shown, where they are not in step.
function others(status) {
	const behind = targetsOf(status).slice(1).filter((t) => !['up', 'starting'].includes(t.state));
	return behind.length === 1 ? nameOf(behind[0]).replace(/^T/, 't') + ' is not in step' : behind.length ? `${behind.length} mirrors are not in step` : '';
}

function delivered(status, nowMs, fmt) {
	const r = leadOf(status) ?? { state: 'off' };
	const name = r.kind === 'mirror' ? r.name : 'InfluxDB';
	const since = ok(r.since_ms) ? 'since ' + fmt.clock(r.since_ms, nowMs) : '';
	const waiting = { value: fmt.count(r.lag_points ?? 0), what: plural(r.lag_points, 'point') };
	const where = hostOf(r.url);
	const notes = [];
	switch (r.state) {
	case 'up':
		notes.push(where + ', in step');
		if (r.quarantined_points > 0)
			notes.push(join(fmt.count(r.quarantined_points)) + ' in quarantine');
		return { title: 'Delivered', value: fmt.span(r.lag_s ?? 0), what: 'behind', notes: [...notes, others(status)], tone: '' };
	case 'catching_up':
		notes.push('to ' + where);
		if (r.points_per_s > 0)
			notes.push(join(fmt.count(r.points_per_s)) + ' points/s');
		if (r.eta_s > 0)
			notes.push('about ' + join(fmt.span(r.eta_s)) + ' more');
		return { title: 'Catching up', ...waiting, what: waiting.what + ' to go', notes, tone: 'warn' };
	case 'down':
		notes.push(['down', since].filter(Boolean).join(' '), nextTry(r, nowMs, fmt));
		return { title: 'Waiting for ' + name, ...waiting, notes, tone: 'warn' };
	case 'held':
		notes.push(['refused', since].filter(Boolean).join(' '), r.last_error, nextTry(r, nowMs, fmt));
		return { title: nameOf({ name }) + ' refuses', ...waiting, what: waiting.what + ' waiting', notes, tone: 'warn' };
	case 'paused':
		notes.push(['paused', since].filter(Boolean).join(' '), 'somebody must let it go on');
		return { title: 'Delivery is paused', ...waiting, what: waiting.what + ' waiting', notes, tone: 'warn' };
	case 'starting':
		notes.push('first answer from ' + where + ' is awaited');
		return { title: 'Reaching ' + name, ...waiting, what: waiting.what + ' waiting', notes, tone: '' };
	default:
		return {
			title: 'Kept here alone', value: { n: 'No InfluxDB', u: '' }, what: 'configured',
			notes: ['to deliver, add'], code: '[influxdb] url = http://…:8086', tone: 'calm',
		};
	}
}

function flowOf(status) {
	const { collect = {}, ingest = {}, spool = {} } = status;
	const r = leadOf(status) ?? {};
	const values = ingest.values_per_s ?? collect.values_per_s ?? 0;
	const perPoint = ingest.points_total > 0 ? ingest.values_total / ingest.points_total : 1;
	const state = r.state ?? 'off';
	const roots = (collect.enabled && collect.collectors ? collect.collectors : []).map((c) => ({
		name: c.name, perSecond: (c.values ?? 0) / (collect.interval_s || 1), broken: !c.ok,
	}));
	const received = values - (collect.enabled ? collect.values_per_s ?? 0 : 0);
	if (received >= 0.5 || roots.length === 0)
		roots.splice(Math.ceil(roots.length / 2), 0, { name: 'written to it', perSecond: Math.max(0, received), broken: false });
	return {
		roots, values, state,
		writable: spool.writable !== false,
		waiting: state === 'up' ? 0 : r.lag_points ?? 0,
		delivered: state === 'up' ? values : (r.points_per_s ?? 0) * perPoint,
	};
}

export function wayOf(status, nowMs, fmt, oldestMs) {
	return {
		stations: [
			collected(status, fmt), held(status, fmt), kept(status, nowMs, fmt, oldestMs), delivered(status, nowMs, fmt),
		].map((s) => ({ ...s, notes: s.notes.filter(Boolean) })),
		flow: flowOf(status),
	};
}
