// What the charts paint by hand: labels that read over areas, and the marks
// that stand on all charts at once. Colours come from the style sheet.

export const palette = { series: [] };

export function readPalette() {
	const style = getComputedStyle(document.documentElement);
	const get = (name) => style.getPropertyValue(name).trim();
	palette.series = ['', ...[1, 2, 3, 4, 5, 6].map((i) => get('--c' + i))];
	for (const name of ['surface', 'soft', 'line', 'amber', 'red', 'ink'])
		palette[name] = get('--' + name);
	palette.label = parseInt(get('--label'), 10) || 11;
	palette.font = getComputedStyle(document.body).fontFamily;
}

// "#1b7f79" with 0.2 gives a wash of it.
export function wash(colour, alpha) {
	const n = parseInt(colour.slice(1), 16);
	return `rgba(${n >> 16}, ${n >> 8 & 255}, ${n & 255}, ${alpha})`;
}

// Each grid line has its label above it, inside the plot, edged with the
// surface's colour.
export function drawLabels(u, splits, text) {
	const { ctx, bbox } = u;
	const r = devicePixelRatio;
	ctx.save();
	ctx.font = `${palette.label * r}px ${palette.font}`;
	ctx.textAlign = 'left';
	ctx.textBaseline = 'alphabetic';
	ctx.lineJoin = 'round';
	ctx.lineWidth = 4 * r;
	ctx.strokeStyle = palette.surface;
	ctx.fillStyle = palette.soft;
	for (const v of splits.slice(1)) {
		const y = u.valToPos(v, 'y', true) - 4 * r;
		ctx.strokeText(text(v), bbox.left, y);
		ctx.fillText(text(v), bbox.left, y);
	}
	ctx.restore();
}

// marks: {from, to, tone: 'amber' | 'red' | 'soft'}; without `to` a moment.
export function drawMarks(u, marks) {
	const { ctx, bbox } = u;
	const r = devicePixelRatio;
	const x = (ms) => Math.min(bbox.left + bbox.width, Math.max(bbox.left, u.valToPos(ms, 'x', true)));
	const { min, max } = u.scales.x;
	ctx.save();
	for (const m of marks) {
		if (m.from > max || (m.to ?? m.from) < min)
			continue;
		const left = Math.round(x(m.from));
		ctx.strokeStyle = palette[m.tone];
		if (m.to) {
			ctx.fillStyle = wash(palette[m.tone], 0.13);
			ctx.fillRect(left, bbox.top, Math.max(r, x(m.to) - left), bbox.height);
		}
		if (m.from >= min) {
			ctx.lineWidth = r;
			ctx.setLineDash(m.to ? [3 * r, 3 * r] : [r, 3 * r]);
			ctx.beginPath();
			ctx.moveTo(left + r / 2, bbox.top);
			ctx.lineTo(left + r / 2, bbox.top + bbox.height);
			ctx.stroke();
		}
	}
	ctx.restore();
}
