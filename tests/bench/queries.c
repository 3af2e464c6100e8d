/* queries: how long a query takes that is asked again and again over one kept-alive connection, HTTP/1.1 on loopback.
 *
 *	queries --port 8086 --path /query --param db=metrics --param epoch=ms --param 'q=SELECT …' \
 *	        --requests 200 --expect 100,2400,2400
 *
 * Prints one line of JSON. The time is from before the request is sent until the last byte of its answer is there; an
 * answer is kept whole in memory and looked at while the clock stands. Each must have status 200 and bring exactly the
 * series, rows and values that --expect names, or the program ends with status 1 and shows it: an empty or a short answer
 * never counts. `sum` is the sum of all values of the first answer, for comparing servers.
 *
 * {n} in a parameter becomes another number below --vary (100) for each request, so that no answer is asked for twice in
 * a row. Answers may be InfluxDB's JSON, one or many documents (chunked=true), or VictoriaMetrics' (query, query_range,
 * export). A row is a time of one series, a value a field of a row that is not null.
 *
 * Ends after --requests, or after --seconds (30) but not before 3. --warm-up (3) requests come first and are not timed.
 * Bounds: 4 GiB for an answer, 120 s without a byte. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/num.h"
#include "wire/json_read.h"

enum { MAX_PARAMS = 16, LEAST_REQUESTS = 3, SHOWN = 300 };
static const size_t BODY_MAX = 4ull << 30;

struct tally {
	uint64_t series, rows, values;
	double sum;
};

static struct {
	uint64_t port, requests, seconds, warm_up, vary;
	const char *path;
	const char *params[MAX_PARAMS];
	size_t param_count;
	struct tally expect;
} opt = { .requests = 200, .seconds = 30, .warm_up = 3, .vary = 100, .path = "/query" };

struct answer {
	struct buf all; /* as it came, head and chunk sizes too */
	size_t body; /* where the body begins */
	struct view text; /* the body, in one piece: see join_chunks */
	long status;
	bool chunked, keep;
};

static void die(const char *what)
{
	fprintf(stderr, "queries: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
	exit(2);
}

/* ---- what an answer holds ---- */

struct walk {
	struct json_in in;
	struct tally t;
	struct buf text; /* of the key or string at hand */
	struct view name, tags; /* of the series at hand */
	struct view last_name, last_tags; /* a series that comes in several pieces counts once */
};

static struct view skipped(struct json_in *in)
{
	json_peek(in);
	const char *from = in->at;

	json_skip(in);
	return (struct view){ .p = from, .len = (size_t)(in->at - from) };
}

static void take_value(struct walk *w)
{
	struct view v = { 0 };
	double d;

	switch (json_peek(&w->in)) {
	case 'n':
		json_literal(&w->in, "null");
		return;
	case '"': /* VictoriaMetrics' numbers, or a string field */
		json_string(&w->in, &w->text);
		v = (struct view){ .p = w->text.p, .len = w->text.len };
		break;
	case 't':
	case 'f':
		json_skip(&w->in);
		break;
	default:
		json_number(&w->in, &v);
	}
	w->t.values++;
	if (num_parse_double(v, &d))
		w->t.sum += d;
}

/* [time, value, …] */
static void take_row(struct walk *w)
{
	bool is_time = true;

	json_enter(&w->in, '[');
	while (json_more(&w->in, ']')) {
		if (is_time)
			json_skip(&w->in);
		else
			take_value(w);
		is_time = false;
	}
	w->t.rows++;
}

/* Rows, or plain values, whose times stand in a list of their own. */
static void take_values(struct walk *w)
{
	json_enter(&w->in, '[');
	while (json_more(&w->in, ']')) {
		if (json_peek(&w->in) == '[') {
			take_row(w);
		} else {
			take_value(w);
			w->t.rows++;
		}
	}
}

static void take_series(struct walk *w)
{
	if (w->t.series == 0 || !view_eq(w->name, w->last_name) || !view_eq(w->tags, w->last_tags))
		w->t.series++;
	w->last_name = w->name;
	w->last_tags = w->tags;
}

static void take_any(struct walk *w);

static void take_object(struct walk *w)
{
	bool is_series = false;

	json_enter(&w->in, '{');
	while (json_more(&w->in, '}') && json_key(&w->in, &w->text)) {
		struct view key = { .p = w->text.p, .len = w->text.len };

		if (view_is(key, "name")) {
			w->name = skipped(&w->in);
		} else if (view_is(key, "tags") || view_is(key, "metric")) {
			w->tags = skipped(&w->in);
		} else if (view_is(key, "columns") || view_is(key, "timestamps")) {
			json_skip(&w->in);
		} else if (view_is(key, "values")) {
			take_values(w);
			is_series = true;
		} else if (view_is(key, "value")) {
			take_row(w);
			is_series = true;
		} else {
			take_any(w);
		}
	}
	if (is_series)
		take_series(w);
}

/* No deeper than the answers of these servers are: the depth is that of the text, which a server on loopback wrote. */
static void take_any(struct walk *w)
{
	switch (json_peek(&w->in)) {
	case '{':
		take_object(w);
		break;
	case '[':
		json_enter(&w->in, '[');
		while (json_more(&w->in, ']'))
			take_any(w);
		break;
	default:
		json_skip(&w->in);
	}
}

static bool count(struct view text, struct tally *out)
{
	struct walk w = { 0 };

	json_in_init(&w.in, text);
	buf_init(&w.text, 64 << 10);
	while (json_peek(&w.in) && !w.in.failed)
		take_any(&w);
	buf_fini(&w.text);
	*out = w.t;
	return !w.in.failed;
}

/* ---- the connection ---- */

static int dial(void)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)opt.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)
	};
	struct timeval limit = { .tv_sec = 120 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) ||
	    connect(fd, (struct sockaddr *)&a, sizeof a))
		die("connect");
	return fd;
}

static void send_all(int fd, const struct buf *b)
{
	for (size_t sent = 0; sent < b->len;) {
		ssize_t n = send(fd, b->p + sent, b->len - sent, MSG_NOSIGNAL);
		if (n <= 0)
			die("send");
		sent += (size_t)n;
	}
}

static void receive(int fd, struct answer *a)
{
	if (!buf_reserve(&a->all, 256 << 10))
		die("an answer of more than 4 GiB");
	ssize_t n = recv(fd, a->all.p + a->all.len, a->all.cap - a->all.len - 1, 0);
	errno = n == 0 ? ECONNRESET : errno;
	if (n <= 0)
		die("receive");
	a->all.len += (size_t)n;
	a->all.p[a->all.len] = 0;
}

/* What follows the name, which begins with a line's end. The head is a text of its own by now. */
static const char *header(const struct answer *a, const char *name)
{
	const char *p = strcasestr(a->all.p, name);

	return p ? p + strlen(name) : NULL;
}

/* The length of the line that begins at `at`, read if need be; *next is behind its end. */
static size_t line_end(int fd, struct answer *a, size_t at, size_t *next)
{
	const char *end;

	while (a->all.len <= at || !(end = memchr(a->all.p + at, '\n', a->all.len - at)))
		receive(fd, a);
	*next = (size_t)(end + 1 - a->all.p);
	return *next - at - strlen("\r\n");
}

/* The size of the chunk whose line begins at `at`; *data is behind the line. */
static size_t chunk_at(int fd, struct answer *a, size_t at, size_t *data)
{
	(void)line_end(fd, a, at, data);
	return strtoul(a->all.p + at, NULL, 16);
}

/* *next is behind all of it. */
static void read_chunks(int fd, struct answer *a, size_t at, size_t *next)
{
	size_t size;

	while ((size = chunk_at(fd, a, at, next)) > 0) {
		at = *next + size + strlen("\r\n");
		while (a->all.len < at)
			receive(fd, a);
	}
	do /* trailers, and the empty line at the end */
		at = *next;
	while (line_end(fd, a, at, next) > 0);
}

/* Reads until the last byte of the answer. */
static void read_answer(int fd, struct answer *a)
{
	const char *end = NULL, *length;
	size_t at, data;

	buf_clear(&a->all);
	do
		receive(fd, a);
	while (!(end = strstr(a->all.p, "\r\n\r\n")));
	at = a->body = (size_t)(end + 4 - a->all.p);
	a->all.p[at - 1] = 0;
	a->status = strtol(a->all.p + strlen("HTTP/1.1 "), NULL, 10);
	a->keep = !header(a, "\nconnection: close");
	a->chunked = header(a, "\ntransfer-encoding: chunked");
	length = header(a, "\ncontent-length:");
	if (!a->chunked && !length)
		die("an answer without a length");
	if (a->chunked)
		read_chunks(fd, a, at, &data);
	else
		for (data = at + strtoul(length, NULL, 10); a->all.len < data;)
			receive(fd, a);
	errno = 0;
	if (a->all.len != data)
		die("more than the answer came");
}

/* After the clock: the body in one piece. */
static void join_chunks(struct answer *a)
{
	char *d = a->all.p + a->body;
	size_t size, data, at = a->body;

	a->text = (struct view){ .p = d, .len = a->all.len - a->body };
	if (!a->chunked)
		return;
	while ((size = chunk_at(-1, a, at, &data)) > 0) {
		memmove(d, a->all.p + data, size);
		d += size;
		at = data + size + 2;
	}
	a->text.len = (size_t)(d - a->text.p);
}

/* ---- requests ---- */

static void put_encoded(struct buf *b, const char *p, uint64_t n)
{
	for (; *p; p++) {
		if (strncmp(p, "{n}", 3) == 0) {
			buf_u64(b, n);
			p += 2;
		} else if (strchr("-._~", *p) || (*p >= '0' && *p <= '9') || ((*p | 32) >= 'a' && (*p | 32) <= 'z')) {
			buf_char(b, *p);
		} else {
			buf_printf(b, "%%%02X", (unsigned)(unsigned char)*p);
		}
	}
}

static void put_request(struct buf *b, uint64_t k)
{
	uint64_t n = k * 37 % opt.vary; /* 37: neighbours are not asked for one after the other */

	buf_clear(b);
	buf_printf(b, "GET %s", opt.path);
	for (size_t i = 0; i < opt.param_count; i++) {
		const char *name = opt.params[i], *value = strchr(name, '=') + 1;

		buf_char(b, i ? '&' : '?');
		buf_append(b, name, (size_t)(value - name));
		put_encoded(b, value, n);
	}
	buf_printf(
	    b, " HTTP/1.1\r\nHost: 127.0.0.1:%llu\r\nAccept: application/json\r\n\r\n", (unsigned long long)opt.port);
	if (b->failed)
		die("a request of more than 64 KiB");
}

static void check(struct answer *a, struct tally *t)
{
	const struct tally *x = &opt.expect;

	join_chunks(a);
	bool json = count(a->text, t);
	if (json && a->status == 200 && t->series == x->series && t->rows == x->rows && t->values == x->values)
		return;
	fprintf(stderr,
	    "queries: status %ld, %llu series, %llu rows, %llu values%s; %llu, %llu, %llu must come: %.*s\n", a->status,
	    (unsigned long long)t->series, (unsigned long long)t->rows, (unsigned long long)t->values,
	    json ? "" : ", no whole JSON", (unsigned long long)x->series, (unsigned long long)x->rows,
	    (unsigned long long)x->values, (int)(a->text.len < SHOWN ? a->text.len : SHOWN), a->text.p);
	exit(1);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void report(double *ms, uint64_t n, uint64_t asked, uint64_t dialled, size_t bytes, const struct tally *first)
{
	double all = 0;

	qsort(ms, n, sizeof *ms, by_value);
	for (uint64_t i = 0; i < n; i++)
		all += ms[i];
	printf(
	    "{\"requests\":%llu,\"asked\":%llu,\"connections\":%llu,\"p50_ms\":%.4f,\"p99_ms\":%.4f,\"max_ms\":%.4f,"
	    "\"min_ms\":%.4f,\"mean_ms\":%.4f,\"series\":%llu,\"rows\":%llu,\"values\":%llu,\"bytes\":%zu,\"sum\":%.17g}\n",
	    (unsigned long long)n, (unsigned long long)asked, (unsigned long long)dialled, ms[n / 2], ms[n * 99 / 100],
	    ms[n - 1], ms[0], all / (double)n, (unsigned long long)first->series, (unsigned long long)first->rows,
	    (unsigned long long)first->values, bytes, first->sum);
}

static void ask_all(void)
{
	struct answer a = { 0 };
	struct buf request;
	struct tally t, first = { 0 };
	uint64_t done = 0, asked = 0, dialled = 0;
	double *ms = calloc(opt.requests, sizeof *ms);
	int fd = -1;

	if (!ms)
		die("memory");
	buf_init(&a.all, BODY_MAX);
	buf_init(&request, 64 << 10);
	int64_t began = clock_mono_ns();
	while (done < opt.requests) {
		if (done >= LEAST_REQUESTS && clock_mono_ns() - began > (int64_t)opt.seconds * NS_PER_S)
			break;
		put_request(&request, asked);
		if (fd < 0) {
			fd = dial();
			dialled++;
		}
		int64_t from = clock_mono_ns();
		send_all(fd, &request);
		read_answer(fd, &a);
		int64_t to = clock_mono_ns();
		check(&a, &t);
		if (asked == 0)
			first = t;
		if (++asked > opt.warm_up)
			ms[done++] = (double)(to - from) / 1e6;
		else
			began = clock_mono_ns();
		if (!a.keep) {
			close(fd);
			fd = -1;
		}
	}
	report(ms, done, asked, dialled, a.text.len, &first);
	if (fd >= 0)
		close(fd);
	buf_fini(&request);
	buf_fini(&a.all);
	free(ms);
}

/* ---- options ---- */

static uint64_t number(const char *text, uint64_t min, uint64_t max)
{
	uint64_t n;

	if (!num_parse_u64(view_of(text), &n) || n < min || n > max)
		die("a number is missing or out of range");
	return n;
}

static void parse_expect(const char *text)
{
	uint64_t *const out[] = { &opt.expect.series, &opt.expect.rows, &opt.expect.values };

	for (size_t i = 0; i < 3; i++) {
		char *end;
		*out[i] = strtoull(text, &end, 10);
		if (end == text || *end != (i < 2 ? ',' : 0))
			die("--expect SERIES,ROWS,VALUES");
		text = end + 1;
	}
}

static void parse(int argc, char **argv)
{
	errno = 0;
	for (int i = 1; i < argc; i += 2) {
		const char *name = argv[i], *value = argv[i + 1];

		if (i + 1 == argc)
			die("each option needs its value: the head of queries.c lists them");
		if (!strcmp(name, "--port"))
			opt.port = number(value, 1, 65535);
		else if (!strcmp(name, "--path"))
			opt.path = value;
		else if (!strcmp(name, "--requests"))
			opt.requests = number(value, 1, 1000000);
		else if (!strcmp(name, "--seconds"))
			opt.seconds = number(value, 1, 3600);
		else if (!strcmp(name, "--warm-up"))
			opt.warm_up = number(value, 0, 1000);
		else if (!strcmp(name, "--vary"))
			opt.vary = number(value, 1, 1000000);
		else if (!strcmp(name, "--expect"))
			parse_expect(value);
		else if (!strcmp(name, "--param") && strchr(value, '=') && opt.param_count < MAX_PARAMS)
			opt.params[opt.param_count++] = value;
		else
			die(name);
	}
	if (!opt.port || !opt.expect.values)
		die("--port and --expect are needed");
}

int main(int argc, char **argv)
{
	parse(argc, argv);
	ask_all();
	return 0;
}
