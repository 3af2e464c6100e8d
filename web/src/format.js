// Numbers and times as an operator reads them. A quantity is a pair
// {n, u} so that the unit can stand softer than the number; what is not
// known is null, and the caller says so in words.

const NBSP = '\u00a0';
const BINARY = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

const known = (v) => typeof v === 'number' && Number.isFinite(v);

export const join = (pair) => (pair ? (pair.u ? pair.n + NBSP + pair.u : pair.n) : '');

export function makeFormat(locale, timeZone) {
	const plain = [0, 1, 2].map((digits) => new Intl.NumberFormat(locale, {
		minimumFractionDigits: digits, maximumFractionDigits: digits,
	}));
	const stamp = (options) => new Intl.DateTimeFormat(locale, { timeZone, ...options });
	const minute = stamp({ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
	const second = stamp({ hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
	const date = stamp({ day: 'numeric', month: 'short' });
	const daykey = stamp({ year: 'numeric', month: 'numeric', day: 'numeric' });

	// Three figures are enough to compare by; zero needs one.
	function fixed(v) {
		const a = Math.abs(v);
		return plain[a === 0 || a >= 99.95 ? 0 : a >= 9.995 ? 1 : 2].format(v);
	}

	// As fixed(), but without figures that say nothing: axis labels, limits.
	const short = new Intl.NumberFormat(locale, { maximumSignificantDigits: 3 });

	function count(v) {
		if (!known(v))
			return null;
		for (const [size, unit] of [[1e12, 'T'], [1e9, 'G'], [1e6, 'M']])
			if (Math.abs(v) >= size)
				return { n: fixed(v / size) + NBSP + unit, u: '' };
		if (Number.isInteger(v) || Math.abs(v) >= 99.95)
			return { n: plain[0].format(v), u: '' };
		return { n: short.format(v), u: '' };
	}

	function bytes(v, per = '') {
		if (!known(v))
			return null;
		let i = 0;
		while (i < BINARY.length - 1 && Math.abs(v) >= 999.5 && ++i)
			v /= 1024;
		return { n: i === 0 ? plain[0].format(v) : short.format(v), u: BINARY[i] + per };
	}

	function percent(v) {
		if (!known(v))
			return null;
		if (v > 0 && v < 0.005)
			return { n: '<' + NBSP + short.format(0.01), u: '%' };
		if (v > 99 && v < 100)	// nearly all is not all
			return { n: plain[1].format(Math.min(v, 99.9)), u: '%' };
		return { n: plain[v >= 9.95 || v === 0 ? 0 : v >= 0.995 ? 1 : 2].format(v), u: '%' };
	}

	function millis(v) {
		if (!known(v))
			return null;
		if (v >= 9999.5)
			return { n: short.format(v / 1000), u: 's' };
		return { n: v > 0 && v < 0.005 ? '<' + NBSP + short.format(0.01) : short.format(v < 100 ? v : Math.round(v)), u: 'ms' };
	}

	// One unit, the largest that fits: "0.9 s", "12 min", "6.2 h", "30 d".
	function span(s) {
		if (!known(s))
			return null;
		s = Math.max(0, s);
		if (s < 99.5)
			return { n: s < 9.95 && s % 1 ? plain[1].format(s) : plain[0].format(s), u: 's' };
		for (const [size, unit, until] of [[60, 'min', 99.5], [3600, 'h', 47.95], [86400, 'd', Infinity]]) {
			const v = s / size;
			if (v < until)
				return { n: unit !== 'min' && v < 9.95 ? plain[1].format(v) : plain[0].format(v), u: unit };
		}
		return null;
	}

	// Two units, for ages that matter: "12 d 4 h", "4 h 10 min", "45 s".
	function duration(s) {
		if (!known(s))
			return '';
		s = Math.max(0, Math.round(s));
		const parts = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];
		const first = Math.max(0, parts.findIndex(([size]) => s >= size));
		if (s === 0)
			return '0' + NBSP + 's';
		let out = [];
		for (const [size, unit] of parts.slice(first, first + (first === 2 && s >= 300 ? 1 : 2))) {
			const v = Math.floor(s / size);
			s -= v * size;
			if (v)
				out.push(plain[0].format(v) + NBSP + unit);
		}
		return out.join(' ');
	}

	const sameDay = (a, b) => daykey.format(a) === daykey.format(b);

	// The clock time; with the date when that is another day than now's.
	function clock(ms, nowMs = ms, withSeconds = false) {
		if (!known(ms))
			return '';
		const t = (withSeconds ? second : minute).format(ms);
		return sameDay(ms, nowMs) ? t : date.format(ms) + ' ' + t;
	}

	return {
		count, bytes, percent, millis, span, duration, clock, sameDay,
		day: (ms) => date.format(ms),
		short: (v) => short.format(v),
		integer: (v) => (known(v) ? plain[0].format(v) : ''),
	};
}

// "1 point", "2 points": text is the already formatted number.
export const plural = (v, one, many = one + 's') => (v === 1 ? one : many);
