// Automatic, light or dark; what was chosen stays with this browser.

const ORDER = ['auto', 'light', 'dark'];
const WORD = { auto: 'automatic', light: 'light', dark: 'dark' };

function stored() {
	try {
		const v = localStorage.getItem('holdfast.theme');
		return ORDER.includes(v) ? v : 'auto';
	} catch {
		return 'auto';	// storage is switched off
	}
}

function store(v) {
	try {
		localStorage.setItem('holdfast.theme', v);
	} catch {
		// then it lasts as long as the page
	}
}

export function startTheme(button, onChange) {
	let choice = stored();
	const system = matchMedia('(prefers-color-scheme: dark)');
	function apply() {
		if (choice === 'auto')
			delete document.documentElement.dataset.theme;
		else
			document.documentElement.dataset.theme = choice;
		button.dataset.choice = choice;
		button.setAttribute('aria-label', 'Colours: ' + WORD[choice]);
		button.title = 'Colours: ' + WORD[choice];
		onChange();
	}
	button.addEventListener('click', () => {
		choice = ORDER[(ORDER.indexOf(choice) + 1) % ORDER.length];
		store(choice);
		apply();
	});
	system.addEventListener('change', apply);
	apply();
}
