import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstOpen, gridFrom, lastOf, mergeGrid, seriesOf, stepFor, sumColumns, trimGrid } from '../src/grid.js';

const answer = (times, values, rates, tags = { interface: 'eth0' }) => ({
	step_ms: 10, time_ms: times, resources: { net: [{ tags, fields: { v: values }, rates: rates ? { v: rates } : {} }] },
});
const only = (grid) => seriesOf(grid, 'net')[0];

test('buckets that an answer leaves out are a gap', () => {
	const grid = gridFrom(answer([10, 20, 50], [1, 2, 5]));
	assert.deepEqual(grid.time, [10, 20, 30, 40, 50]);
	assert.deepEqual(only(grid).fields.v, [1, 2, null, null, 5]);
});

test('an empty answer is an empty grid', () => {
	assert.deepEqual(gridFrom({ step_ms: 10, time_ms: [], resources: {} }).time, []);
	assert.deepEqual(gridFrom({}).time, []);
});

test('merging replaces the last buckets and adds the new', () => {
	const grid = mergeGrid(gridFrom(answer([10, 20, 30], [1, 2, 3])), gridFrom(answer([20, 30, 40], [2, 3.5, 4])));
	assert.deepEqual(grid.time, [10, 20, 30, 40]);
	assert.deepEqual(only(grid).fields.v, [1, 2, 3.5, 4]);
});

test('merging keeps a rate where the newer answer does not know it', () => {
	const grid = mergeGrid(gridFrom(answer([10, 20], [1, 2], [null, 0.1])), gridFrom(answer([20, 30], [2, 3], [null, 0.2])));
	assert.deepEqual(only(grid).rates.v, [null, 0.1, 0.2]);
});

test('merging across a hole fills it with null', () => {
	const grid = mergeGrid(gridFrom(answer([10], [1])), gridFrom(answer([40], [4])));
	assert.deepEqual(only(grid).fields.v, [1, null, null, 4]);
});

test('merging pads a series that ended and one that begins', () => {
	const grid = mergeGrid(gridFrom(answer([10, 20], [1, 2])), gridFrom(answer([20, 30], [7, 8], null, { interface: 'eth1' })));
	assert.deepEqual(seriesOf(grid, 'net', { interface: 'eth0' })[0].fields.v, [1, 2, null]);
	assert.deepEqual(seriesOf(grid, 'net', { interface: 'eth1' })[0].fields.v, [null, 7, 8]);
});

test('merging leaves its arguments as they were', () => {
	const a = gridFrom(answer([10, 20], [1, 2]));
	mergeGrid(a, gridFrom(answer([20, 30], [9, 9])));
	assert.deepEqual(only(a).fields.v, [1, 2]);
});

test('merging refuses another step, another phase, an earlier start', () => {
	const a = gridFrom(answer([10, 20], [1, 2]));
	assert.equal(mergeGrid(a, { ...gridFrom(answer([20], [1])), step: 5 }), null);
	assert.equal(mergeGrid(a, gridFrom(answer([25], [1]))), null);
	assert.equal(mergeGrid(a, gridFrom(answer([0], [1]))), null);
});

test('merging with nothing', () => {
	const a = gridFrom(answer([10, 20], [1, 2]));
	const none = gridFrom({ step_ms: 10, time_ms: [] });
	assert.equal(mergeGrid(a, none), a);
	assert.equal(mergeGrid(none, a), a);
});

test('trimming drops buckets that ended, and series that have nothing left', () => {
	const both = mergeGrid(gridFrom(answer([10, 20], [1, 2])), gridFrom(answer([20, 30], [7, 8], null, { interface: 'eth1' })));
	const grid = trimGrid(both, 35);
	assert.deepEqual(grid.time, [30]);
	assert.equal(seriesOf(grid, 'net').length, 1);
	assert.equal(trimGrid(grid, 30), grid);
	assert.deepEqual(trimGrid(grid, 40).time, []);
});

test('a bucket that is still running stays', () => {
	assert.deepEqual(trimGrid(gridFrom(answer([10, 20], [1, 2])), 19).time, [10, 20]);
});

test('asks again from the last bucket with values, two at least, a dozen at most', () => {
	const times = Array.from({ length: 20 }, (_, i) => 10 * i);
	const filled = (n) => firstOpen(gridFrom(answer(times, times.map((_, i) => (i < n ? i : null)))));
	assert.equal(filled(20), 18);
	assert.equal(filled(15), 14);
	assert.equal(filled(0), 8);
	assert.equal(firstOpen(gridFrom(answer([10], [1]))), 0);
});

test('sums are null only where all are', () => {
	assert.deepEqual(sumColumns([[1, null, null], [2, 3, null], undefined], 3), [3, 3, null]);
});

test('the last value must be fresh', () => {
	assert.equal(lastOf([1, 2, null]), 2);
	assert.equal(lastOf([1, null, null, null]), null);
	assert.equal(lastOf([0]), 0);
	assert.equal(lastOf([]), null);
});

test('the step is never finer than the collection, nor the buckets too many', () => {
	assert.equal(stepFor(900, 10), 10);
	assert.equal(stepFor(3600, 10), 10);
	assert.equal(stepFor(3600, 1), 10);
	assert.equal(stepFor(900, 1), 5);
	assert.equal(stepFor(86400, 10), 300);
	assert.equal(stepFor(900, 60), 60);
	assert.equal(stepFor(60, undefined), 1);
});
