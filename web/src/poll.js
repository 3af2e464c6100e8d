// One request after the other, never two at once: each turn waits for the one
// before it, and waits longer the longer nothing answers.

export function nextDelay(failures, hidden, chance = Math.random()) {
	if (failures === 0)
		return hidden ? 5000 : 2000;
	const base = Math.min(30000, 2000 * 2 ** Math.min(failures - 1, 6));
	return Math.round(base * (0.75 + 0.25 * chance));
}

// turn() resolves to true when the daemon answered.
export function makePoll(turn, onWait = () => {}) {
	let timer = 0;
	let busy = false;
	let again = false;
	let stopped = false;
	let failures = 0;

	function wait(ms) {
		clearTimeout(timer);
		if (stopped)
			return;
		onWait(failures ? Date.now() + ms : null);
		timer = setTimeout(run, ms);
	}

	async function run() {
		if (busy) {
			again = true;
			return;
		}
		busy = true;
		clearTimeout(timer);
		const answered = await turn().catch((e) => {
			console.error(e);
			return false;
		});
		failures = answered ? 0 : failures + 1;
		busy = false;
		const soon = again && answered;
		again = false;
		wait(soon ? 0 : nextDelay(failures, document.hidden));
	}

	document.addEventListener('visibilitychange', () => {
		if (!document.hidden && !stopped)
			run();
	});

	return {
		now: () => (stopped ? undefined : run()),
		pause() {
			stopped = true;
			clearTimeout(timer);
			onWait(null);
		},
		resume() {
			stopped = false;
			run();
		},
	};
}
