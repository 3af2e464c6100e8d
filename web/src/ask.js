// A question that must be answered before something is done.

import { h } from './dom.js';

export function ask(text, yes) {
	return new Promise((resolve) => {
		const box = h('dialog', { class: 'ask', 'aria-label': text },
			h('form', { method: 'dialog' },
				h('p', null, text),
				h('div', { class: 'answers' },
					h('button', { value: 'no' }, 'Leave it'), h('button', { value: 'yes', class: 'main' }, yes))));
		box.addEventListener('close', () => {
			box.remove();
			resolve(box.returnValue === 'yes');
		});
		document.body.append(box);
		box.showModal();
	});
}
