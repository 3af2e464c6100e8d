// Whether InfluxDB has what is here: how far it was verified, what differs,
// what it is owed. In words and figures, then the list.

import { h } from './dom.js';
import { join, plural } from './format.js';

const OWED_SHOWN = 3;

const CAUSES = {
	before: 'written before InfluxDB was configured',
	overflow: 'let go by the spool in a long outage',
	missing: 'found missing in InfluxDB',
};

const known = (v) => typeof v === 'number' && Number.isFinite(v);
const hours = (n, fmt) => `${fmt.integer(n)} ${plural(n, 'hour')} of measurements`;

function verifiedRow(r, nowMs, fmt) {
	const least = (r.verified ?? []).reduce((a, v) => (!a || v.until_ms < a.until_ms ? v : a), null);
	const next = r.verify.next_ms > 0 ? `the nightly run at ${fmt.clock(r.verify.next_ms)}` : '';
	if (!least)
		return { state: 'none', word: 'Not verified yet', text: next ? `Wait for ${next}, or have it done now:` : 'To have it done:', more: '', command: 'holdfast verify' };
	const of = r.verified.length > 1 ? ` of ${least.database ?? 'one database'}` : '';
	const at = `verified ${fmt.clock(least.at_ms, nowMs)}` + (least.deep ? ', value for value' : '');
	const more = next ? `Next: ${next}.` : '';
	if (!(least.until_ms > least.from_ms))
		return { state: 'behind', word: 'Verified', text: `InfluxDB lacks points${of} from ${fmt.clock(least.from_ms, nowMs)} on, ${at}.`, more, command: '' };
	return { state: 'equal', word: 'Verified', command: '', more: `It reaches back to ${fmt.clock(least.from_ms, nowMs)}. ${more}`.trim(),
		text: `InfluxDB has everything${of} up to ${fmt.clock(least.until_ms, nowMs)}, ${at}.` };
}

function jobRows(v, nowMs, fmt) {
	const rows = [];
	const lacking = (v.lacking_hours ?? 0) - (v.repaired_hours ?? 0);
	if (v.state === 'running')
		rows.push({ state: 'running', word: 'Verifying', text: `Since ${fmt.clock(v.started_ms, nowMs)}.`, more: '', command: '' });
	if (v.state === 'failed')
		rows.push({ state: 'failed', word: 'Verify failed', text: `At ${fmt.clock(v.ended_ms, nowMs)}: ${v.error ?? 'no reason told'}.`, more: '', command: '' });
	if (lacking > 0)
		rows.push({ state: 'differs', word: 'Differs', text: `In ${hours(lacking, fmt)} InfluxDB lacks something, or has it otherwise. To send it again:`, more: '', command: 'holdfast verify --repair' });
	else if (v.repaired_hours > 0)
		rows.push({ state: 'sending', word: 'Repaired', text: `${hours(v.repaired_hours, fmt)} that differed are sent again. To see that nothing does afterwards:`, more: '', command: 'holdfast verify' });
	if (v.more_hours > 0)
		rows.push({ state: 'more', word: 'More there', text: `In ${hours(v.more_hours, fmt)} InfluxDB has more than this machine. To fetch it:`, more: '', command: 'holdfast backfill' });
	return rows;
}

// The newest is sent first; of the others none is begun while it is.
function owedRow(o, first, record, nowMs, fmt) {
	const begun = known(o.done_until_ms) && o.done_until_ms > o.from_ms;
	const from = begun ? o.done_until_ms : o.from_ms;
	const sends = record?.state === 'up' || record?.state === 'catching_up';
	const sent = sends && (begun || first);
	return {
		state: sent ? 'sending' : 'owed', word: sent ? 'Being sent' : 'Owed',
		text: `${o.database ?? 'A database'}, ${fmt.clock(from, nowMs)} to ${fmt.clock(o.to_ms, nowMs)}: ${CAUSES[o.cause] ?? String(o.cause ?? 'no cause told').replace(/_/g, ' ')}.`,
		more: [begun && `${join(fmt.percent(100 * (from - o.from_ms) / (o.to_ms - o.from_ms)))} of it is sent.`,
			!record && 'It is sent once an InfluxDB is configured.', record && !sends && 'It is sent once InfluxDB takes points.'].filter(Boolean).join(' '),
		command: '',
	};
}

// All that is said, in this order; none where there is neither an InfluxDB nor a debt: pure.
export function proofRows(replication, nowMs, fmt) {
	const r = replication ?? {};
	const record = (r.targets ?? []).find((t) => t.kind === 'record') ?? null;
	const owed = r.owed?.newest ?? [];
	const left = (r.owed?.ranges ?? owed.length) - Math.min(owed.length, OWED_SHOWN);
	const rows = r.verify ? [verifiedRow(r, nowMs, fmt), ...jobRows(r.verify, nowMs, fmt)] : [];
	owed.slice(0, OWED_SHOWN).forEach((o, i) => rows.push(owedRow(o, i === 0, record, nowMs, fmt)));
	if (left > 0)
		rows.push({ state: 'owed', word: 'Owed', text: `${fmt.integer(left)} ${plural(left, 'range')} of time more, in their turn.`, more: '', command: '' });
	return rows;
}

export const proofList = (rows) => h('ul', { class: 'proof' }, rows.map((r) => h('li', null,
	h('span', { class: 'state', 'data-state': r.state, 'data-tone': ['differs', 'behind', 'failed'].includes(r.state) ? 'wait' : null }, r.word),
	h('span', null, r.text, r.command && [' ', h('code', null, r.command)], r.more && h('span', { class: 'soft' }, ' ' + r.more)))));
