import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gridFrom } from '../src/grid.js';
import { fileSystems, machine, responseTime, wholeDisks } from '../src/machine.js';
import { roundTop, roundTopBytes } from '../src/panels.js';

const grid = (resources) => gridFrom({ step_ms: 10, time_ms: [10, 20], resources });

test('partitions are not counted beside their disk', () => {
	assert.deepEqual(wholeDisks(['sda', 'sda1', 'sda2', 'sdb']), ['sda', 'sdb']);
	assert.deepEqual(wholeDisks(['nvme0n1', 'nvme0n1p1', 'nvme0n2', 'nvme0n10']), ['nvme0n1', 'nvme0n2', 'nvme0n10']);
	assert.deepEqual(wholeDisks(['mmcblk0', 'mmcblk0p2']), ['mmcblk0']);
});

test('a partition alone is counted, and so is a layered disk alone', () => {
	assert.deepEqual(wholeDisks(['sda1']), ['sda1']);
	assert.deepEqual(wholeDisks(['dm-0']), ['dm-0']);
	assert.deepEqual(wholeDisks(['sda', 'dm-0', 'md127', 'loop3']), ['sda']);
});

test('sdaa is no partition of sda', () => {
	assert.deepEqual(wholeDisks(['sda', 'sdaa']), ['sda', 'sdaa']);
});

test('the loopback is not network', () => {
	const d = machine.network(grid({ net: [
		{ tags: { interface: 'lo' }, fields: {}, rates: { bytes_recv: [null, 99], bytes_sent: [null, 99] } },
		{ tags: { interface: 'eth0' }, fields: {}, rates: { bytes_recv: [null, 1], bytes_sent: [null, 2] } },
		{ tags: { interface: 'eth1' }, fields: {}, rates: { bytes_recv: [null, 10], bytes_sent: [null, 20] } },
	] }));
	assert.deepEqual(d.columns, [[null, 11], [null, 22]]);
	assert.equal(d.present, 11);
});

test('nothing reported is null, not zero', () => {
	for (const read of Object.values(machine))
		assert.equal(read(grid({})), null);
});

test('pressure that the kernel does not tell is null; one of three is enough', () => {
	assert.equal(machine.pressure(grid({ pressure: [] })), null);
	const d = machine.pressure(grid({ pressure: [{ tags: { resource: 'io', type: 'some' }, fields: { avg10: [1, 2] } }] }));
	assert.deepEqual(d.columns, [[null, null], [null, null], [1, 2]]);
	assert.equal(d.present, 2);
});

test('cpu is busy without the wait for disks', () => {
	const d = machine.cpu(grid({ cpu: [
		{ tags: { cpu: 'cpu-total' }, fields: { usage_user: [1, 20], usage_nice: [0, 2], usage_system: [1, 5], usage_iowait: [3, 7] } },
		{ tags: { cpu: 'cpu0' }, fields: {} }, { tags: { cpu: 'cpu1' }, fields: {} },
	] }));
	assert.equal(d.present, 27);
	assert.equal(d.cores, 2);
	assert.deepEqual(d.columns[2], [3, 7]);
});

test('the mean of services is weighted, percentiles are the worst', () => {
	const d = responseTime({ time_ms: [10, 20], services: [
		{ series: { count: [9, 0], mean_ms: [10, null], p95_ms: [20, null], p99_ms: [30, null] } },
		{ series: { count: [1, 0], mean_ms: [110, null], p95_ms: [200, null], p99_ms: [300, null] } },
		{},
	] });
	assert.deepEqual(d.columns, [[20, null], [200, null], [300, null]]);
});

test('file systems: fullest first, one row for a device mounted twice', () => {
	const disk = (path, device, used) => ({ tags: { path, device }, fields: { total: [100, 100], used: [used, used] } });
	const rows = fileSystems(grid({ disk: [disk('/', 'a', 10), disk('/var/lib/x', 'b', 70), disk('/srv', 'b', 70), disk('/gone', 'c', null)] }));
	assert.deepEqual(rows.map((r) => [r.path, r.percent]), [['/srv', 70], ['/', 10]]);
});

test('scales end at a round number above the greatest value', () => {
	assert.equal(roundTop(0, 1), 1);
	assert.equal(roundTop(34, 10), 40);
	assert.equal(roundTop(40, 10), 40);
	assert.equal(roundTop(41, 10), 60);
	assert.equal(roundTop(0.3, 0.1), 0.4);
	assert.equal(roundTopBytes(0, 1024), 1024);
	assert.equal(roundTopBytes(30 * 2 ** 20, 1024), 40 * 2 ** 20);
	assert.equal(roundTopBytes(900 * 2 ** 20, 1024), 2 ** 30);
});

test('no scale ends below its values', () => {
	for (let v = 0.001; v < 1e13; v *= 1.37) {
		assert.ok(roundTop(v, 1e-6) >= v * 0.999, String(v));
		assert.ok(roundTopBytes(v, 1) >= v * 0.999, String(v));
	}
});
