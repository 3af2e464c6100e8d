// Serves dist/ with invented figures, to look at the page without a daemon:
//     node dev/serve.mjs [ok|down|catching_up|held|off|empty|lost|gone]
// prints its address. GET /dev/STATE switches the state while it runs.
// For development only: neither installed nor part of the page.

import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { figures } from './figures.mjs';

const TYPES = { html: 'text/html; charset=utf-8', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' };
const dist = new URL('../dist/', import.meta.url);
let make = figures(process.argv[2] || 'ok');

function send(res, status, type, body) {
	res.writeHead(status, {
		'Content-Type': type, 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff',
		'Content-Security-Policy': "default-src 'self'",
	});
	res.end(body);
}

const json = (res, value) => send(res, 200, 'application/json', JSON.stringify(value));

async function answer(req, res) {
	const url = new URL(req.url, 'http://localhost');
	const path = url.pathname;
	if (path.startsWith('/dev/')) {
		make = figures(path.slice(5));
		return json(res, { state: path.slice(5) });
	}
	if (path.startsWith('/api/')) {
		if (make.gone)
			return req.socket.destroy();
		if (path === '/api/v1/status')
			return json(res, make.status());
		if (path === '/api/v1/storage')
			return json(res, make.storage());
		if (path === '/api/v1/quality')
			return json(res, make.quality());
		if (path === '/api/v1/quarantine')
			return json(res, make.quarantine());
		if (req.method === 'POST')
			return json(res, {});
		if (path === '/api/v1/metrics/resources')
			return json(res, make.resources(url.searchParams));
		if (path === '/api/v1/metrics/performance')
			return json(res, make.performance(url.searchParams));
		return send(res, 404, 'application/json', '{"error":{"code":"not_found","message":"no such path","hint":null}}');
	}
	const name = path === '/' ? 'index.html' : path.slice(1);
	if (!/^[a-z.]+$/.test(name))
		return send(res, 404, 'text/plain', 'not found\n');
	try {
		return send(res, 200, TYPES[name.split('.').pop()] ?? 'text/plain', await readFile(new URL(name, dist)));
	} catch {
		return send(res, 404, 'text/plain', 'not found\n');
	}
}

const server = createServer((req, res) => answer(req, res).catch((e) => send(res, 500, 'text/plain', String(e))));
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/`));
