// Elements without markup in strings: the page's policy allows no inline style,
// and nothing that came over the network is ever parsed as HTML.

const SVG = 'http://www.w3.org/2000/svg';

function fill(el, attrs, children) {
	for (const [name, value] of Object.entries(attrs || {})) {
		if (value === null || value === undefined || value === false)
			continue;
		if (name.startsWith('on'))
			el.addEventListener(name.slice(2), value);
		else
			el.setAttribute(name, value === true ? '' : value);
	}
	el.append(...children.flat(3).filter((c) => c !== null && c !== undefined && c !== false));
	return el;
}

export const h = (name, attrs, ...children) => fill(document.createElement(name), attrs, children);
export const svg = (name, attrs, ...children) => fill(document.createElementNS(SVG, name), attrs, children);
export const $ = (id) => document.getElementById(id);

// Text is written only where it changed: a selection stays, a screen reader
// is not told the same thing twice.
export function setText(el, text) {
	if (el.textContent !== text)
		el.textContent = text;
}

// What did not change is left alone: a selection and the focus stay. A button
// that is just pressed waits for its click; one with a key keeps the focus.
const shown = new WeakMap();
export function replaceIfNew(host, what, make) {
	const key = JSON.stringify(what);
	if (shown.get(host) === key || host.querySelector(':active'))
		return;
	const focused = host.contains(document.activeElement) && document.activeElement.dataset.key;
	shown.set(host, key);
	host.replaceChildren(...[make()].flat());
	if (focused)
		[...host.querySelectorAll('[data-key]')].find((el) => el.dataset.key === focused)?.focus();
}

// A box that is wider inside than outside can be scrolled by keyboard too.
export function letScroll(box) {
	const look = () => {
		if (box.scrollWidth > box.clientWidth)
			box.tabIndex = 0;
		else
			box.removeAttribute('tabindex');
	};
	new ResizeObserver(look).observe(box);
	new MutationObserver(look).observe(box, { childList: true });
}

export const quantity = (pair, what = '') => [
	pair.n, (pair.u || what) && h('small', null, '\u00a0' + [pair.u, what].filter(Boolean).join(' ')),
];
