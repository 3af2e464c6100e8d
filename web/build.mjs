// Bundles the page into dist/, which the daemon's build compiles in.

import { build } from 'esbuild';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';

const here = new URL('.', import.meta.url).pathname;
const dist = here + 'dist/';

const licence = await readFile(here + 'node_modules/uplot/LICENSE', 'utf8');

await rm(dist, { recursive: true, force: true });
await mkdir(dist, { recursive: true });
await build({
	absWorkingDir: here,
	entryPoints: { app: 'src/main.js' },
	outdir: 'dist', bundle: true, minify: true, format: 'esm', target: ['es2020'],
	legalComments: 'none', charset: 'utf8', logLevel: 'warning',
	footer: { js: '/* Contains uPlot:\n' + licence.trim() + '\n*/' },
});
await build({
	absWorkingDir: here,
	entryPoints: { app: 'src/style.css' },
	outdir: 'dist', bundle: true, minify: true, target: ['chrome90', 'firefox90', 'safari15'],
	charset: 'utf8', logLevel: 'warning',
});
for (const name of ['index.html', 'favicon.svg']) {
	const text = await readFile(here + 'src/' + name, 'utf8');
	await writeFile(dist + name, text.replace(/^\t+/gm, '').replace(/>\n</g, '><').trim() + '\n');
}

let total = 0;
for (const name of (await readdir(dist)).sort()) {
	const bytes = await readFile(dist + name);
	const packed = gzipSync(bytes, { level: 9 }).length;
	total += packed;
	console.log(`${name.padEnd(12)} ${String(bytes.length).padStart(7)} bytes, ${String(packed).padStart(6)} gzip`);
}
console.log(`together ${total} bytes gzip`);
