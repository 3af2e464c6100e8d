// Invented figures that behave like a machine's: the same moment always has
// the same value, so that an answer for the newest buckets fits the older ones.

const started = Date.now() - 12.2 * 86400e3;
const GiB = 2 ** 30;

// Smooth noise in 0..1 out of the time alone.
function hash(n) {
	let x = Math.imul(n ^ (n >>> 16), 0x45d9f3b);
	x = Math.imul(x ^ (x >>> 13), 0x45d9f3b);
	return ((x ^ (x >>> 16)) >>> 0) / 2 ** 32;
}
function noise(ms, periodS, seed) {
	const p = ms / 1000 / periodS;
	const i = Math.floor(p);
	const f = p - i;
	const a = hash(i * 31 + seed * 7919);
	const b = hash((i + 1) * 31 + seed * 7919);
	return a + (b - a) * f * f * (3 - 2 * f);
}
const wander = (t, lo, hi, seed) => lo + (hi - lo)
	* (0.55 * noise(t, 1500, seed) + 0.3 * noise(t, 240, seed + 50) + 0.15 * noise(t, 20, seed + 90));

const SERVICES = [
	['checkout', 412, 0.0002, 9.1, 24, 61], ['catalogue', 388, 0, 4.2, 11, 27], ['search', 204, 0.0001, 31, 92, 240],
	['payments', 61, 0.0003, 88, 410, 1220], ['sessions', 57, 0, 1.1, 2.6, 6.4], ['mailer', 4.2, 0, 140, 380, 690],
];
const COLLECTORS = ['cpu', 'mem', 'swap', 'disk', 'diskio', 'net', 'system', 'kernel', 'processes', 'pressure'];

function windowOf(q, firstMs) {
	const now = Date.now();
	const when = (s, other) => (!s ? other : /^-\d+h$/.test(s) ? now - parseInt(s.slice(1), 10) * 3600e3 : Number(s));
	const from = when(q.get('from'), now - 3600e3);
	const to = Math.min(now, when(q.get('to'), now));
	const step = (parseFloat(q.get('step')) || 10) * 1000;
	const time = [];
	for (let t = Math.floor(from / step) * step; t < to; t += step)
		if (t >= firstMs)
			time.push(t);
	return { from, to, step, time };
}

export function figures(state) {
	const empty = state === 'empty';
	const waits = { down: 1270000, held: 84000, catching_up: 410000 }[state] ?? 0;
	const now = Date.now();
	const downSince = now - 12 * 60e3;
	const firstMs = empty ? now - 4000 : now - 30 * 86400e3;
	const hole = [now - 25 * 60e3, now - 23 * 60e3];
	const source = ['ok', 'catching_up', 'mirrors'].includes(state) ? 'influxdb+local' : 'local';

	function target(more) {
		return {
			target: 'influxdb', name: 'InfluxDB', kind: 'record', url: 'http://127.0.0.1:8086', api: '1.x', database: 'metrics', server_version: '1.6.7',
			state: 'up', paused: false, since_ms: started, held_databases: 0, cursor_seq: 1, live_seq: 1, lag_points: 0, lag_bytes: 0, lag_s: 0.9,
			live: { points: 0, lag_s: 0 }, backlog: { points: 0, bytes: 0 }, replay: { points: 0 }, owed: { points_estimate: 0, span_s: 0 },
			delivered_points_total: 9e8, points_per_s: 214, eta_s: 0, pace_points_per_s: null, latency_ms: { p50: 3.1, p99: 18.4 },
			requests_total: 4e5, failed_requests_total: 2, retries_total: 0, sent_bytes_total: 9e9, last_ok_ms: Date.now() - 900,
			last_error: null, last_error_ms: null, next_try_ms: null, advice: null, quarantined_points: 0, breaker: 'closed', ...more,
		};
	}

	function record() {
		const lag = (points) => ({ lag_points: points, live: { points, lag_s: 700 } });
		if (state === 'down')
			return target({ state, since_ms: downSince, ...lag(waits + Math.round((Date.now() - now) * 0.2)), lag_s: (Date.now() - downSince) / 1000,
				last_error: 'connect to 127.0.0.1 port 8086 failed: connection refused', last_error_ms: Date.now() - 9000,
				advice: 'Bring the server of [influxdb] back, or the way to it; delivery goes on by itself.',
				next_try_ms: Math.ceil(Date.now() / 30e3) * 30e3, breaker: 'open', points_per_s: 0, eta_s: null });
		if (state === 'held')
			return target({ state, since_ms: downSince, ...lag(waits), lag_s: 700, last_error: 'HTTP 401: {"error":"authorization failed"}', held_databases: 1,
				advice: 'Put a token, or a username and password, that it knows into the files that [influxdb] names. It is tried again each minute, and by holdfast replication retry.',
				last_error_ms: Date.now() - 30e3, next_try_ms: Math.ceil(Date.now() / 60e3) * 60e3, points_per_s: 0, eta_s: null });
		if (state === 'catching_up')
			return target({ state, since_ms: now - 60e3, lag_points: waits + 214, lag_s: 600, live: { points: 214, lag_s: 0.4 },
				backlog: { points: waits, bytes: 2e6 }, points_per_s: 21000, eta_s: 20, pace_points_per_s: 24000 });
		return target({ quarantined_points: state === 'mirrors' ? 1211 : 0, replay: { points: state === 'mirrors' ? 7 : 0 } });
	}

	// Not verified yet while it is down, differing where it refuses.
	function proof() {
		const night = new Date(now).setHours(3, 10, 0, 0);
		const lacking = state === 'held' ? 7 : 0;
		const range = (fromH, toH, doneH, cause) => ({ database: 'metrics', from_ms: now - fromH * 3600e3, to_ms: now - toH * 3600e3, done_until_ms: now - doneH * 3600e3, cause, added_ms: now });
		const owed = state === 'mirrors' ? [range(9, 4, 7.5, 'overflow'), range(700, 690, 700, 'before')] : state === 'held' ? [range(30, 28, 30, 'missing')] : [];
		return {
			owed: { ranges: owed.length, seconds: 18000, newest: owed },
			verified: state === 'down' ? [] : [{ database: 'metrics', from_ms: now - 30 * 86400e3, until_ms: lacking ? now - 30 * 3600e3 : night - 20e3, at_ms: night + 120e3, deep: state === 'ok' }],
			verify: { state: state === 'down' ? 'none' : 'done', started_ms: night, ended_ms: night + 120e3, next_ms: night + 86400e3, lacking_hours: lacking, more_hours: 0, repaired_hours: 0, error: null },
		};
	}

	function replication() {
		if (state === 'off' || empty)
			return { targets: [] };
		if (state !== 'mirrors')
			return { targets: [record()], ...proof() };
		const mirror = (name, more) => target({ target: 'mirror:' + name, name: 'the mirror ' + name, kind: 'mirror', breaker: null, url: `https://${name}.example`, ...more });
		return { targets: [record(),
			mirror('far', { state: 'paused', paused: true, since_ms: now - 7200e3, lag_points: 31400, lag_s: 7200, live: { points: 31400, lag_s: 7200 }, points_per_s: 0,
				advice: 'holdfast replication resume --target mirror:far lets it go on.' }),
			mirror('cloud', { state: 'catching_up', since_ms: now - 60e3, lag_points: 820000, lag_s: 5400, live: { points: 200, lag_s: 0.8 }, backlog: { points: 819800, bytes: 1e7 },
				points_per_s: 4100, eta_s: 200, api: '2.x', latency_ms: { p50: 41, p99: 320 }, owed: { points_estimate: 240000, span_s: 9000 } })], ...proof() };
	}

	const SAY = {
		ok: ['ok', 'All is well.', '2,114 values a second, kept here and in InfluxDB 0.9 s later.'],
		down: ['warn', 'InfluxDB has been down for 12 minutes. Nothing is lost.', '1.27 M points are held here, room for 9 days more. Every answer on this page is local; delivery goes on by itself.'],
		held: ['warn', 'InfluxDB refuses what it is sent. Nothing is lost.', 'HTTP 401: authorization failed. Mend the token in [influxdb] and reload; delivery goes on by itself.'],
		catching_up: ['ok', 'InfluxDB is back, and is being caught up with.', '410 k points to go, about 20 s more.'],
		off: ['ok', 'All is well.', '2,114 values a second, kept here. No InfluxDB is configured.'],
		mirrors: ['warn', 'Delivery to the mirror far has been paused for 2 hours. InfluxDB gets everything.', '31,400 points wait here. holdfast replication resume --target mirror:far lets it go on.'],
		empty: ['ok', 'All is well.', 'Just started; the first values come within 10 s.'],
		lost: ['bad', 'The disk is full. New points are refused.', 'The senders were told so. Free some room in /var/lib/holdfast; it goes on by itself.'],
	};

	return {
		gone: state === 'gone',
		status() {
			const t = Date.now();
			const lost = state === 'lost';
			const [level, summary, detail] = SAY[state] ?? SAY.ok;
			return {
				version: '0.1.0', host: 'web-01', now_ms: t, started_ms: empty ? now - 4000 : started, uptime_s: (t - (empty ? now - 4000 : started)) / 1000,
				state: level, summary, detail,
				process: { cpu_s: empty ? 0.04 : (t - started) / 1000 * 0.004, memory_bytes: 14.2 * 2 ** 20, memory_peak_bytes: 15.9 * 2 ** 20 },
				collect: {
					enabled: true, interval_s: 10, last_ms: empty ? null : t - t % 10000, values_per_s: empty ? 0 : 20.1,
					failing: lost ? ['diskio'] : [],
					collectors: COLLECTORS.map((name, i) => ({ name, ok: !(lost && name === 'diskio'), values: empty ? 0 : 4 + 9 * (i % 4), took_us: 80,
						error: lost && name === 'diskio' ? '/proc/diskstats: permission denied' : null })),
				},
				ingest: {
					points_total: empty ? 0 : 9e7, values_total: empty ? 0 : 9e8, values_per_s: empty ? 0 : wander(t, 2000, 2240, 3), rejected_total: lost ? 1307 : 0,
					rejected: [{ reason: 'unparsable', points: lost ? 3 : 0 }, { reason: 'type_conflict', points: lost ? 1304 : 0 }],
					commit_ms: empty ? null : 0.21, queue_bytes: 0, refused_requests_total: lost ? 18 : 0,
				},
				spool: {
					bytes: empty ? 0 : (waits ? 214 : 11.8) * 2 ** 20, max_bytes: GiB, file_bytes: 12e6, points: empty ? 0 : 12.4e6, rows: 1, first_seq: 1, last_seq: 1,
					oldest_ms: empty ? null : t - 6.4 * 86400e3, newest_ms: t, writable: !lost, error: lost ? 'database or disk is full' : null,
				},
				head: { bytes: empty ? 0 : 21.4 * 2 ** 20, max_bytes: 128 * 2 ** 20, points: empty ? 0 : 4e6, series: empty ? 0 : 4312, from_seq: 1 },
				series: { count: lost ? 213408 : empty ? 0 : 4312, max: 1000000, nearest: lost
					? { limit: 'series_per_measurement', measurement: 'requests', have: 200000, max: 200000, tag: 'request_id', tag_values: 191204 }
					: { limit: 'series', measurement: 'service_performance', have: empty ? 0 : 4312, max: 1000000, tag: 'operation', tag_values: 88 } },
				gaps: lost ? [{ from_ms: hole[0], to_ms: hole[1], points: 25400, cause: 'spool_full', at_ms: hole[1] }] : [],
				replication: replication(),
			};
		},
		storage() {
			const t = Date.now();
			const tier = (name, days, retention, points, bytes) => ({
				tier: name, retention_s: retention * 86400, bytes: empty ? 0 : bytes, points: empty ? 0 : points, blocks: 1, pieces: 0,
				oldest_ms: empty ? null : t - days * 86400e3, newest_ms: empty ? null : t,
			});
			return {
				max_bytes: 10 * GiB, used_bytes: empty ? 0 : 812e6,
				files: [{ file: 'store.db', file_bytes: 800e6, used_bytes: empty ? 0 : 790e6 }, { file: 'spool.db', file_bytes: 22e6, used_bytes: empty ? 0 : 22e6 }],
				tiers: [tier('raw', 30, 30, 1.1e9, 690e6), tier('1m', 0, 90, 0, 0), tier('1h', 400, 730, 4.1e6, 88e6), tier('1d', 400, 3650, 172e3, 12e6)],
				compaction: state === 'lost' ? { state: 'failing', error: 'database or disk is full' } : { state: 'idle', error: null },
				gaps: [],
			};
		},

		quality() {
			const t = Date.now();
			const size = (measurement, series, fields, tags) => ({ database: 'metrics', measurement, series, series_max: 200000, fields, fields_max: 4096,
				tags: tags.map(([key, values]) => ({ key, values, series })) });
			const refused = (measurement, reason, points, agoS, error, example) => ({ database: 'metrics', measurement, reason, points, error, example, first_ms: t - 86400e3, last_ms: t - agoS * 1000 });
			return {
				since_ms: started, points_total: 9e7, values_total: 9e8, rejected: [], rejected_total: 1307, late_points_total: 0,
				offenders: [
					refused('requests', 'too_many_series', 1204, 2, 'max-series-per-measurement limit exceeded (200000): no new series for measurement "requests", whose tag "request_id" has 191204 different values', 'requests,host=…,request_id=… ms=…'),
					refused('orders', 'type_conflict', 100, 40, 'field type conflict: input field "total" on measurement "orders" is type float, already exists as type integer', 'orders,shop=… total=…'),
					refused(null, 'unparsable', 3, 7000, 'missing fields', null),
				],
				other_points: 0, recent: [],
				series: { count: 213408, max: 1000000, measurements: 41, measurements_max: 10000, nearest: null,
					top: [size('requests', 200000, 2, [['request_id', 191204], ['host', 12]]), size('sessions', 164200, 6, [['session', 164200], ['host', 12]]), size('orders', 212, 9, [['shop', 18]])] },
			};
		},

		quarantine() {
			const t = Date.now();
			const count = (target, reason_code, points, replay_points = 0) => ({ target, configured: true, reason_code, points, bytes: points * 90, replay_points });
			const entry = (id, agoS, reason_code, reason, line) => ({ id, target: 'influxdb', at_ms: t - agoS * 1000, database: 'metrics', status: 400, reason_code, reason, line, attempts: 1, replay_requested: false });
			return {
				points: 1211, bytes: 120000, max_points: 100000, max_bytes: 64e6, replay_points: 7,
				counts: [count('influxdb', 'type_conflict', 1204, 7), count('influxdb', 'beyond_retention', 6), count('influxdb', 'poison', 1)],
				entries: [
					entry(3, 40, 'type_conflict', 'partial write: field type conflict: input field "total" on measurement "orders" is type string, already exists as type float dropped=1', 'orders,host=web-01,shop=north total="12.50" 1700000000000000000'),
					entry(2, 7000, 'beyond_retention', 'partial write: points beyond retention policy dropped=1', 'orders,host=web-01 total=1 1200000000000000000'),
					entry(1, 90000, 'poison', 'it ended the server each time', 'm,t=\\ v=1 1700000000000000000'),
				],
				next: null,
			};
		},

		resources(q) {
			const { from, to, step, time } = windowOf(q, firstMs);
			const of = (f) => time.map((t) => (state === 'lost' && t >= hole[0] && t < hole[1] ? null : f(t)));
			const rate = (lo, hi, seed) => of((t) => wander(t, lo, hi, seed)).map((v, i) => (i === 0 ? null : v));
			const MiB = 2 ** 20;
			const tick = of((t) => t);
			const disk = (path, device, total, used) => ({ tags: { path, device, fstype: 'ext4', mode: 'rw' },
				fields: { total: of(() => total * GiB), used: of(() => used * GiB), free: of(() => (total - used) * GiB * 0.95), used_percent: of(() => 100 * used / total), inodes_used_percent: of(() => 12) }, rates: {} });
			const io = (name, k) => ({ tags: { name }, fields: { read_bytes: tick, write_bytes: tick }, rates: { read_bytes: rate(0, 26 * MiB * k, 21), write_bytes: rate(4 * MiB * k, 38 * MiB * k, 22) } });
			const net = (name, k) => ({ tags: { interface: name }, fields: { bytes_recv: tick, bytes_sent: tick }, rates: { bytes_recv: rate(8 * MiB * k, 44 * MiB * k, 23), bytes_sent: rate(4 * MiB * k, 30 * MiB * k, 24) } });
			const psi = (resource, lo, hi, seed) => ({ tags: { resource, type: 'some' }, fields: { avg10: of((t) => Math.max(0, wander(t, lo, hi, seed))) }, rates: { total: [] } });
			const bare = !time.length;
			const resources = bare ? {} : {
				cpu: [{ tags: { cpu: 'cpu-total' }, fields: {
					usage_user: of((t) => wander(t, 8, 48, 11)), usage_nice: of(() => 0.1), usage_system: of((t) => wander(t, 3, 13, 12)),
					usage_irq: of(() => 0), usage_softirq: of(() => 0.4), usage_steal: of(() => 0), usage_iowait: of((t) => wander(t, 0, 8, 13)) }, rates: {} }],
				mem: [{ tags: {}, fields: { total: of(() => 15.6 * GiB), used: of((t) => wander(t, 9.1, 10.4, 14) * GiB), cached: of((t) => wander(t, 3.2, 4, 15) * GiB), buffered: of(() => 0.2 * GiB) }, rates: {} }],
				system: [{ tags: {}, fields: { load1: of((t) => wander(t, 0.4, 5.5, 16)), load5: of((t) => wander(t, 1, 4, 17)), load15: of((t) => wander(t, 1.6, 3, 18)), n_cpus: of(() => 8) }, rates: {} }],
				pressure: state === 'off' ? [] : [psi('cpu', -2, 14, 25), psi('memory', -1, 2, 26), psi('io', -2, 10, 27)],
				net: [net('lo', 9), net('eth0', 1)],
				diskio: [io('nvme0n1', 1), io('nvme0n1p1', 0.4), io('nvme0n1p2', 0.6), io('dm-0', 1)],
				disk: [disk('/', '/dev/dm-0', 118, 46), disk('/var', '/dev/nvme0n1p2', 240, state === 'lost' ? 239 : 171), disk('/srv/archive', '/dev/sdb1', 3726, 3420), disk('/boot', '/dev/nvme0n1p1', 0.9, 0.22)],
			};
			const short = q.get('from') && from < Date.now() - 7 * 3600e3 && source === 'local';
			return { source, complete: !short, tier: 'raw', reason: short ? 'the local store reaches back to 7 h ago' : null, host: 'web-01',
				from_ms: from, to_ms: to, step_ms: step, time_ms: time, resources };
		},

		performance(q) {
			const { from, to, step, time } = windowOf(q, firstMs);
			const services = empty || state === 'off' ? [] : SERVICES.map(([service, rps, errors, p50, p95, p99], i) => {
				const bad = state === 'down' && service === 'payments' ? 0.0184 : errors;
				const k = (t) => wander(t, 0.6, 1.5, 40 + i);
				const count = time.map((t) => Math.round(rps * step / 1000 * wander(t, 0.8, 1.2, 60 + i)));
				return { service, count: rps * 3600, throughput_per_s: rps, errors: Math.round(rps * 3600 * bad), error_rate: bad, success_rate: 1 - bad,
					mean_ms: p50 * 1.3, min_ms: p50 / 6, max_ms: p99 * 3, p50_ms: p50, p90_ms: p95 * 0.8, p95_ms: p95, p99_ms: p99,
					series: { count, errors: count.map(() => 0), mean_ms: time.map((t) => p50 * 1.3 * k(t)), p50_ms: time.map((t) => p50 * k(t)),
						p95_ms: time.map((t) => p95 * k(t)), p99_ms: time.map((t) => p99 * k(t)) } };
			});
			return { source, complete: true, tier: 'raw', reason: null, percentiles: 'upper_bound', from_ms: from, to_ms: to, step_ms: step, time_ms: time, services };
		},
	};
}
