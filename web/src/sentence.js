// The largest thing on the page: how things stand, in words and with a sign
// whose shape tells as much as its colour.

import { $, setText, svg } from './dom.js';

const SIGNS = {
	ok: ['All is well', () => [
		svg('circle', { class: 'ground', cx: 17, cy: 17, r: 16 }),
		svg('path', { class: 'line', d: 'M10 17.5l5 5 9.5-10.5' })]],
	warn: ['Warning', () => [
		svg('path', { class: 'ground edge', d: 'M17 3l15 27H2z' }),
		svg('path', { class: 'line', d: 'M17 12.5v8M17 25v.4' })]],
	bad: ['Trouble', () => [
		svg('path', { class: 'ground edge', d: 'M11 2.5h12l8.5 8.5v12L23 31.5H11L2.5 23V11z' }),
		svg('path', { class: 'line', d: 'M11.5 11.5l11 11M22.5 11.5l-11 11' })]],
	wait: ['Waiting', () => [
		svg('circle', { class: 'ground edge', cx: 17, cy: 17, r: 15 }),
		svg('path', { class: 'line', d: 'M17 9v8.5l5 3.5' })]],
};

export function showSentence(state, summary, detail) {
	const kind = SIGNS[state] ? state : 'warn';
	const sign = $('sign');
	if (sign.dataset.state !== kind) {
		sign.dataset.state = kind;
		sign.replaceChildren(svg('title', null, SIGNS[kind][0]), ...SIGNS[kind][1]());
	}
	setText($('summary'), summary);
	setText($('detail'), detail);
}

export function showTitle(state, host, summary) {
	const mark = state === 'ok' ? '' : state === 'bad' ? '✕ ' : '▲ ';
	document.title = mark + (host ? host + ' · ' : '') + (state === 'ok' ? 'Holdfast' : summary);
}
