// The geometry of the strand that the way of a point is drawn as. Points are
// (s, t): s runs along the way, t across it; `axis` turns that into x and y, so
// that the same strand lies on a wide screen and hangs on a narrow one.

const r1 = (v) => Math.round(v * 10) / 10;

const at = (axis, s, t) => (axis === 'y' ? r1(t) + ' ' + r1(s) : r1(s) + ' ' + r1(t));

const clamp = (v, lo, hi) => Math.min(hi, Math.max(lo, v));

// Half the width of the strand for a flow: a hair when nothing flows, then one
// step for each tenfold.
export function halfWidth(perSecond) {
	return perSecond > 0 ? clamp(1.1 + 0.85 * Math.log10(1 + perSecond), 1.1, 7) : 0.8;
}

// How far the strand swells to each side for points that wait.
export function swelling(points, room) {
	return points > 0 ? clamp(5.6 * Math.log10(1 + points), 4, room) : 0;
}

// A ribbon from s0 to s1 whose half width is half(u), u from 0 to 1.
export function ribbon(axis, s0, s1, middle, half, pieces = 40) {
	const there = [];
	const back = [];
	for (let i = 0; i <= pieces; i++) {
		const u = i / pieces;
		const s = s0 + (s1 - s0) * u;
		const w = half(u);
		there.push(at(axis, s, middle(s) - w));
		back.push(at(axis, s, middle(s) + w));
	}
	return 'M' + there.join('L') + 'L' + back.reverse().join('L') + 'Z';
}

// A root from the edge at t to the knot where all come together; cut off at
// `reach` (0 to 1) of its length where its collector fails.
export function root(axis, s0, s1, t, middle, reach = 1) {
	const p = [[s0, t], [s0 + (s1 - s0) * 0.36, t], [s0 + (s1 - s0) * 0.6, middle], [s1, middle]];
	const mix = (a, b) => [a[0] + (b[0] - a[0]) * reach, a[1] + (b[1] - a[1]) * reach];
	let q = p;
	if (reach < 1) {
		const a = mix(p[0], p[1]), b = mix(p[1], p[2]), c = mix(p[2], p[3]);
		const d = mix(a, b), e = mix(b, c);
		q = [p[0], a, d, mix(d, e)];
	}
	return 'M' + at(axis, ...q[0]) + 'C' + q.slice(1).map((v) => at(axis, ...v)).join(' ');
}

// Where n roots begin, spread evenly over the room to both sides of the middle.
export function spread(n, middle, room) {
	if (n === 1)
		return [middle];
	return Array.from({ length: n }, (_, i) => middle + room * (2 * i / (n - 1) - 1));
}

// A slow wave of the strand between knots, still at each knot.
export const wave = (knots, middle, height) => (s) => {
	for (let i = 0; i + 1 < knots.length; i++)
		if (s >= knots[i] && s <= knots[i + 1])
			return middle + height * Math.sin(2 * Math.PI * (s - knots[i]) / (knots[i + 1] - knots[i]));
	return middle;
};
