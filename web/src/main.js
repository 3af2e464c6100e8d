// The page: asks, and hands what it hears to those who show it.

import { ApiError, getJson } from './api.js';
import { readPalette } from './canvas.js';
import { Panel } from './charts.js';
import { $, letScroll, replaceIfNew, setText } from './dom.js';
import { eventsOf, showEvents } from './events.js';
import { ask } from './ask.js';
import { showFooter } from './footer.js';
import { join, makeFormat } from './format.js';
import { makeMachineData } from './machine_data.js';
import { fileSystems, responseTime } from './machine.js';
import { PANELS, RESPONSE } from './panels.js';
import { makePoll } from './poll.js';
import { proofList, proofRows } from './proof.js';
import { qualityNote, qualityRows, qualityTable } from './quality.js';
import { makeQualityData } from './quality_data.js';
import { QUARANTINE_EMPTY, quarantineNote, quarantineView, replayWords } from './quarantine.js';
import { makeQuarantineData } from './quarantine_data.js';
import { showSentence, showTitle } from './sentence.js';
import { makeServiceData } from './service_data.js';
import { RANGES, readSpan, rangeOf, writeSpan } from './span.js';
import { wayOf } from './stations.js';
import { makeStorageData, oldestKept, storageNote, storageTable } from './storage.js';
import { disksTable, servicesEmpty, servicesNote, servicesTable } from './tables.js';
import { recordOf, targetRow, targetsEmpty, targetsNote, targetsOf, targetsTable } from './targets.js';
import { startTheme } from './theme.js';
import { makeWay } from './way.js';

const fmt = makeFormat();
const machineData = makeMachineData();
const serviceData = makeServiceData();
const storageData = makeStorageData();
const qualityData = makeQualityData();
const quarantineData = makeQuarantineData();
const way = makeWay($('way'));

let span = readSpan(location.search);
let status = null;
let heardAt = 0;	// performance.now() of the last status
let lostSince = null;	// Date.now() of the first request without an answer
let lostWhy = '';
let nextTryAt = null;
let paused = false;

// The daemon's clock, not the browser's: the two may differ.
const nowMs = () => (status ? Math.round(status.now_ms + performance.now() - heardAt) : Date.now());

function view() {
	if (span.zoom)
		return { ...span.zoom, fixed: true, id: span.zoom.from + '-' + span.zoom.to };
	const to = nowMs();
	return { from: to - span.range.seconds * 1000, to, fixed: false, id: span.range.id };
}

const spanWords = () => (span.zoom
	? `${fmt.clock(span.zoom.from, nowMs())} to ${fmt.clock(span.zoom.to, nowMs())}` : span.range.word);

// Charts

function marks() {
	const out = [];
	const r = recordOf(status);
	if (r && (r.state === 'down' || r.state === 'held') && r.since_ms > 0)
		out.push({ from: r.since_ms, to: nowMs(), tone: 'amber',
			word: `${r.state === 'down' ? 'InfluxDB down' : 'InfluxDB refuses'} since ${fmt.clock(r.since_ms, nowMs())}` });
	for (const g of (status?.gaps ?? []).filter((g) => g.points > 0 && (!g.tier || g.tier === 'raw')))
		out.push({ from: g.from_ms, to: g.to_ms, tone: 'red', word: `points lost ${fmt.clock(g.from_ms, nowMs())} to ${fmt.clock(g.to_ms, nowMs())}` });
	if (status?.started_ms > 0)
		out.push({ from: status.started_ms, tone: 'soft', word: `Holdfast started ${fmt.clock(status.started_ms, nowMs())}` });
	return out;
}

function zoom(from, to) {
	const least = 10000;
	const middle = (from + to) / 2;
	const half = Math.max(least, to - from) / 2;
	go({ ...span, zoom: { from: Math.round(middle - half), to: Math.round(middle + half) } });
}

const hub = {
	fmt, marks, spanWords, onZoom: zoom,
	onBack: () => span.zoom && go({ ...span, zoom: null }),
};
const panels = PANELS.map((spec) => new Panel(spec, hub));
const response = new Panel(RESPONSE, hub);

function whyEmpty(spec) {
	const { grid, error } = machineData;
	if (error && !grid?.time.length)
		return 'Could not be read: ' + error.message + '.';
	if (!grid)
		return 'Reading.';
	if (status && !status.collect?.enabled)
		return 'Collecting from this machine is off. In holdfast.conf: [collect] enabled = yes';
	if (spec.absent && grid.series.size)
		return spec.absent;
	if (span.zoom)
		return 'No values in this time.';
	return `No values yet. The first come within ${join(fmt.span(status?.collect?.interval_s ?? 10))}.`;
}

function showCharts() {
	const { grid } = machineData;
	const shown = view();
	for (const panel of panels) {
		const data = grid ? panel.spec.read(grid) : null;
		panel.show(data && { ...data, time: grid.time }, shown, whyEmpty(panel.spec));
	}
	const present = marks().filter((m) => (m.to ?? m.from) >= shown.from && m.from <= shown.to);
	$('marks').replaceChildren(...[...new Map(present.map((m) => [m.word, m])).values()].map((m) => {
		const el = document.createElement('span');
		el.className = m.tone + (m.to ? ' stretch' : '');
		el.textContent = m.word;
		return el;
	}));
	setText($('machine-note'), spanWords() + (grid?.time.length ? ', each ' + join(fmt.span(grid.step / 1000)) : ''));
	showSource($('machine-source'), machineData.told, machineData.error);
	const rows = grid ? fileSystems(grid) : [];
	setText($('disks-note'), rows.length ? rows.length + ' mounted' : '');
	const none = whyEmpty({ absent: 'No file system reports its room.' });
	replaceIfNew($('disks'), rows.length ? rows : none, () => (rows.length ? disksTable(rows, fmt) : message(none)));
}

const SOURCES = { influxdb: 'InfluxDB', local: 'this machine', 'influxdb+local': 'InfluxDB and this machine' };

function showSource(el, told, error) {
	const words = [];
	if (error)
		words.push('could not be read just now: ' + error.message + (error.hint ? ', ' + error.hint : ''));
	else if (told) {
		words.push('answered by ' + (SOURCES[told.source] ?? told.source));
		if (told.complete === false)
			words.push('incomplete: ' + (told.reason || 'it does not reach back that far'));
	}
	setText(el, words.join('; '));
	el.dataset.tone = error || told?.complete === false ? 'warn' : '';
}

function message(text) {
	const p = document.createElement('p');
	p.className = 'empty';
	p.textContent = text;
	return p;
}

function showServices() {
	const { answer, error } = serviceData;
	const any = answer?.services?.length > 0;
	showSource($('services-source'), any ? answer : null, error);
	setText($('services-note'), any ? servicesNote(answer) : '');
	if (any) {
		$('services').replaceChildren(servicesTable(answer, fmt, spanWords()));
		if (!response.root.isConnected)
			$('grid').prepend(response.root);
		response.show({ ...responseTime(answer), time: answer.time_ms }, view(), 'No service reported in this time.');
	} else {
		response.root.remove();
		if (answer)
			$('services').replaceChildren(servicesEmpty(status?.host, location.origin));
		else
			$('services').replaceChildren(message(error ? 'The services could not be read: ' + error.message + '.' : 'Reading.'));
	}
}

function showStorage() {
	const { answer, error } = storageData;
	if (error)
		setText($('storage-note'), 'could not be read just now: ' + error.message);
	else if (answer)
		setText($('storage-note'), storageNote(answer, fmt));
	if (answer)
		replaceIfNew($('storage'), answer, () => storageTable(answer, nowMs(), fmt));
	else
		replaceIfNew($('storage'), String(error), () => message(error ? 'It could not be read: ' + error.message + '.' : 'Reading.'));
}

function showQuality() {
	const rows = qualityData.answer ? qualityRows(qualityData.answer) : [];
	$('quality-part').hidden = !rows.length;
	if (!rows.length)
		return;
	setText($('quality-note'), qualityNote(qualityData.answer, nowMs(), fmt));
	replaceIfNew($('quality'), [rows, fmt.day(nowMs())], () => qualityTable(rows, nowMs(), fmt));
}

function showTargets(now) {
	const targets = targetsOf(status);
	const rows = targets.map((t) => targetRow(t, now, fmt));
	$('quarantine-part').hidden = !targets.length;
	if (told.at + TOLD_MS < performance.now())
		told = { at: Infinity, text: '' };
	setText($('targets-note'), told.text || targetsNote(targets));
	replaceIfNew($('targets'), rows, () => (rows.length ? targetsTable(rows, control) : targetsEmpty()));
	const proof = proofRows(status?.replication, now, fmt);
	$('proof').hidden = !proof.length;
	replaceIfNew($('proof'), proof, () => proofList(proof));
}

function showQuarantine() {
	const { answer, error } = quarantineData;
	setText($('quarantine-note'), error ? 'could not be read just now: ' + error.message : answer ? quarantineNote(answer, fmt) : '');
	if (answer || !error)
		replaceIfNew($('quarantine'), [answer, fmt.day(nowMs())],
			() => (answer ? quarantineView(answer, nowMs(), replay, fmt) : message(QUARANTINE_EMPTY)));
}

// What the operator has done: the answer is told for a while, then the page has it.

const TOLD_MS = 8000;
let told = { at: Infinity, text: '' };

async function order(path, form, done) {
	try {
		await getJson(path, {}, { form });
		told = { at: performance.now(), text: done };
	} catch (e) {
		told = { at: performance.now(), text: 'That could not be done: ' + e.message + (e.hint ? ', ' + e.hint : '') };
	}
	quarantineData.forget();
	poll.now();
}

const control = (action, target) => order('api/v1/replication/' + action, { target }, action === 'retry' ? 'It is tried now' : 'It goes on');

async function replay(count) {
	if (await ask(replayWords(count, fmt), 'Send again'))
		await order('api/v1/quarantine/replay', { target: count.target, reason: count.reason_code }, 'They are sent again');
}

// The daemon

function showStatus() {
	const now = nowMs();
	setText($('host'), status.host ?? '');
	way.show(wayOf(status, now, fmt, oldestKept(status, storageData.answer)));
	showTargets(now);
	showEvents($('events'), eventsOf(status, now, fmt), now, fmt);
	showFooter(status, fmt);
	document.body.classList.toggle('stale', lostSince !== null);
	if (lostSince === null) {
		showSentence(status.state, status.summary ?? '', status.detail ?? '');
		showTitle(status.state, status.host, status.summary ?? '');
	}
}

function showLost() {
	const since = fmt.clock(lostSince, Date.now(), true);
	const last = Date.now() - (performance.now() - heardAt);
	const seen = status ? `What stands below is of ${fmt.clock(last, Date.now(), true)}. ` : '';
	document.body.classList.add('stale');
	showSentence('bad', 'Holdfast does not answer.', `Since ${since}: ${lostWhy}. ${seen}The page goes on by itself as soon as it answers.`);
	showTitle('bad', status?.host, 'Holdfast does not answer');
}

function showAge() {
	const live = $('live');
	const age = status ? join(fmt.span(Math.floor((performance.now() - heardAt) / 1000))) : '';
	let text = 'Asking';
	let state = 'wait';
	if (paused) {
		text = status ? `Paused, ${age} old` : 'Paused';
	} else if (lostSince !== null) {
		const s = nextTryAt ? Math.max(0, Math.ceil((nextTryAt - Date.now()) / 1000)) : 0;
		text = s ? `No answer, next try in ${join(fmt.span(s))}` : 'No answer, trying now';
		state = 'bad';
	} else if (status) {
		text = `Live, ${age} old`;
		state = 'ok';
	}
	live.dataset.state = state;
	setText($('age'), text);
}

async function askStatus() {
	try {
		const next = await getJson('api/v1/status');
		const before = recordOf(status)?.state;
		const restarted = status && next.started_ms !== status.started_ms;
		const back = lostSince !== null;
		status = next;
		heardAt = performance.now();
		lostSince = null;
		if (back || restarted || (before && before !== recordOf(next)?.state)) {
			machineData.forget();
			serviceData.forget();
		}
		showStatus();
		return true;
	} catch (e) {
		if (!(e instanceof ApiError))
			throw e;
		lostSince ??= Date.now();
		lostWhy = e.status ? 'its answer is an error, ' + e.message : e.message;
		showLost();
		return false;
	} finally {
		showAge();
	}
}

async function turn() {
	if (!await askStatus())
		return false;
	if (document.hidden)
		return true;
	const interval = status.collect?.interval_s;
	if (await machineData.refresh(view(), interval) || !span.zoom)
		showCharts();
	if (await serviceData.refresh(view(), interval))
		showServices();
	if (await storageData.refresh()) {
		showStorage();
		showStatus();
	}
	if (await qualityData.refresh(status))
		showQuality();
	if (await quarantineData.refresh(status))
		showQuarantine();
	return true;
}

const poll = makePoll(turn, (at) => {
	nextTryAt = at;
	showAge();
});

// What the operator does

function showSpan() {
	$('range').value = span.range.id;
	$('unzoom').hidden = !span.zoom;
	setText($('unzoom'), span.zoom ? `${spanWords()} ×` : '');
	$('unzoom').setAttribute('aria-label', span.zoom ? `Showing ${spanWords()}; back to ${span.range.word.toLowerCase()}` : '');
}

function go(next) {
	span = next;
	history.replaceState(null, '', location.pathname + writeSpan(span) + location.hash);
	showSpan();
	machineData.forget();
	if (paused)
		resume();
	poll.now();
}

function resume() {
	paused = false;
	$('pause').setAttribute('aria-pressed', 'false');
	setText($('pause'), 'Pause');
	poll.resume();
}

$('pause').addEventListener('click', () => {
	if (paused) {
		resume();
	} else {
		paused = true;
		$('pause').setAttribute('aria-pressed', 'true');
		setText($('pause'), 'Go on');
		poll.pause();
	}
	showAge();
});
$('range').append(...RANGES.map((r) => new Option(r.word, r.id)));
$('range').addEventListener('change', (e) => go({ range: rangeOf(e.target.value), zoom: null }));
$('unzoom').addEventListener('click', hub.onBack);
document.addEventListener('keydown', (e) => e.key === 'Escape' && hub.onBack());
$('grid').append(...panels.map((p) => p.root));
startTheme($('theme'), () => {
	readPalette();
	for (const panel of [response, ...panels])
		panel.repaint();
});
for (const id of ['targets', 'quarantine', 'services', 'storage', 'quality', 'disks'])
	letScroll($(id));
showSpan();
showSentence('wait', 'Asking Holdfast how it is.', '');
setInterval(showAge, 1000);
poll.now();
