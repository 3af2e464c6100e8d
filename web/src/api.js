// Requests to the daemon that served this page. Addresses are relative, so
// that the page works behind a proxy's path too.

export class ApiError extends Error {
	constructor(message, { status = 0, hint = '' } = {}) {
		super(message);
		this.status = status;	// 0: no answer at all
		this.hint = hint;
	}
}

async function refusal(response) {
	let told = null;
	try {
		told = (await response.json()).error;
	} catch {
		// not one of the daemon's own answers
	}
	return new ApiError(told?.message || 'the answer was HTTP ' + response.status, {
		status: response.status, hint: told?.hint || '',
	});
}

// A form is posted; without one it is a GET.
export async function getJson(path, params = {}, { timeoutMs = 8000, signal, form } = {}) {
	const query = new URLSearchParams(params).toString();
	const stop = new AbortController();
	const timer = setTimeout(() => stop.abort(), timeoutMs);
	const pass = () => stop.abort();
	signal?.addEventListener('abort', pass);
	try {
		const response = await fetch(query ? path + '?' + query : path, {
			signal: stop.signal, cache: 'no-store', headers: { Accept: 'application/json' },
			method: form ? 'POST' : 'GET', body: form && new URLSearchParams(form),
		});
		if (!response.ok)
			throw await refusal(response);
		return await response.json();
	} catch (e) {
		if (e instanceof ApiError)
			throw e;
		if (signal?.aborted)
			throw new ApiError('given up', { status: -1 });
		throw new ApiError(stop.signal.aborted ? 'no answer within ' + timeoutMs / 1000 + ' s' : 'no connection');
	} finally {
		clearTimeout(timer);
		signal?.removeEventListener('abort', pass);
	}
}
