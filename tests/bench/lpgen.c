/* lpgen: deterministic load for anything that takes InfluxDB line protocol over HTTP/1.1.
 *
 *   cc -O2 -Wall -Wextra -pthread -o lpgen lpgen.c -lm -lz
 *
 *   lpgen --hosts 100 --steps 8640 --conns 4 --port 8086 --url-path '/write?db=bench'
 *   lpgen --hosts 100 --steps 8640 --dump day.lp        write the lines, post nothing
 *   lpgen --load day.lp --batch 1 --max-batches 20000 --port 8086 ...   post lines made before
 *
 * The load, like TSBS devops: a step is 10 s, the last one ends at --end (default: now, rounded down). Per
 * host and step, 6 lines with 41 values:
 *   cpu                   10 floats, random walk in 0..100, 2 decimals
 *   mem                   9 integers, 7 of them walk in pages of 4096, 2 stand still
 *   diskio, net           6 and 4 integer counters that only grow
 *   service_performance   twice (two operations): 2 integers, 4 floats at full double precision
 * --fields N: the first N fields of cpu alone, one line per host and step.
 * Same --seed and --end, same bytes, with any compiler. Batches are cut at exactly --batch lines, whatever host they
 * belong to.
 *
 * All batches lie in memory (gzip done) before the clock starts. Each connection takes the next batch, sends
 * it, waits for the 2xx. Latency is from the first byte sent to the answer's header read. A failed batch is
 * counted and never sent again. Prints one line of JSON; exit status 1 if any batch failed.
 *
 * --acked FILE writes a line for each batch: first line number, lines, values, HTTP status (0: never sent,
 * -1: no answer), ms from the start to the answer. With --stop-on-error a connection ends at its first failure.
 *
 * Bounds: 127.0.0.1 only, 8 GiB of lines, 256 connections, --max-seconds (600). */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

enum {
	STEP_S = 10,
	MAX_CONNS = 256,
	MAX_FAILURES = 100,
	HEAD_MAX = 2048,
	BYTES_PER_HOST_MAX = 2200,
	BYTES_PER_CPU_LINE_MAX = 400
};
static const size_t TEXT_MAX = 8ull << 30;

static struct {
	long hosts, steps, fields, batch, conns, port, seed, gzip, max_batches, max_seconds;
	int64_t end;
	const char *url_path, *precision, *dump, *load, *acked;
	char headers[1024];
	bool stop_on_error;
} opt = { .hosts = 100,
	.steps = 1000,
	.batch = 5000,
	.conns = 4,
	.port = 8086,
	.seed = 1,
	.max_seconds = 600,
	.url_path = "/write?db=bench",
	.precision = "ns" };

struct batch {
	const char *body; /* what is sent: a slice of the text, or its gzip */
	size_t body_len;
	long first_line, lines, values;
	int status;
	double ack_s, done_s;
};

static struct batch *batches;
static long batch_count;
static atomic_long next_batch, failures;
static atomic_bool stop;
static double start_s;

static void die(const char *what)
{
	fprintf(stderr, "lpgen: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
	exit(2);
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

/* ---- the load ---- */

struct host {
	double cpu[10];
	uint64_t mem[9], counter[10];
	double base_ms[2];
};

static uint64_t rnd_state;

static uint64_t rnd(void) /* xorshift64 */
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return rnd_state;
}

static double unit(void)
{
	return (rnd() >> 11) * (1.0 / 9007199254740992.0);
}

static char *put_str(char *d, const char *s)
{
	while (*s)
		*d++ = *s++;
	return d;
}

static char *put_u64(char *d, uint64_t v)
{
	char b[20];
	int n = 0;

	do
		b[n++] = '0' + v % 10;
	while (v /= 10);
	while (n)
		*d++ = b[--n];
	return d;
}

static char *put_field(char *d, int i, const char *name)
{
	if (i)
		*d++ = ',';
	d = put_str(d, name);
	*d++ = '=';
	return d;
}

static char *put_int(char *d, int i, const char *name, uint64_t v)
{
	d = put_u64(put_field(d, i, name), v);
	*d++ = 'i';
	return d;
}

static char *put_host(char *d, struct host *h, long id, const char *ts)
{
	static const char *const cpu[] = { "usage_user", "usage_system", "usage_idle", "usage_nice", "usage_iowait",
		"usage_irq", "usage_softirq", "usage_steal", "usage_guest", "usage_guest_nice" };
	static const char *const mem[] = { "total", "available", "used", "free", "cached", "buffered", "slab",
		"swap_total", "swap_free" };
	static const char *const diskio[] = { "reads", "writes", "read_bytes", "write_bytes", "read_time",
		"write_time" };
	static const char *const net[] = { "bytes_sent", "bytes_recv", "packets_sent", "packets_recv" };
	static const char *const operation[] = { "GET_/users", "POST_/orders" };
	char tags[160];

	snprintf(tags, sizeof tags, ",host=host_%ld,region=eu-west-%ld,service=svc%ld", id, id % 3, id % 20);

	d = put_str(put_str(put_str(d, "cpu"), tags), " ");
	for (int i = 0; i < (opt.fields ? opt.fields : 10); i++) {
		h->cpu[i] += (unit() - 0.5) * 2;
		if (h->cpu[i] < 0)
			h->cpu[i] = 0;
		if (h->cpu[i] > 100)
			h->cpu[i] = 100;
		uint64_t c = (uint64_t)(h->cpu[i] * 100);
		d = put_u64(put_field(d, i, cpu[i]), c / 100);
		*d++ = '.';
		*d++ = '0' + c / 10 % 10;
		*d++ = '0' + c % 10;
	}
	d = put_str(d, ts);
	if (opt.fields)
		return d;

	d = put_str(put_str(put_str(d, "mem"), tags), " ");
	for (int i = 0; i < 9; i++) {
		if (i != 0 && i != 7)
			h->mem[i] += (rnd() % 2049 - 1024) * 4096;
		d = put_int(d, i, mem[i], h->mem[i]);
	}
	d = put_str(d, ts);

	d = put_str(put_str(put_str(d, "diskio"), tags), " ");
	for (int i = 0; i < 6; i++) {
		h->counter[i] += i == 2 || i == 3 ? rnd() % 512 * 4096 : rnd() % 100;
		d = put_int(d, i, diskio[i], h->counter[i]);
	}
	d = put_str(d, ts);

	d = put_str(put_str(put_str(d, "net"), tags), " ");
	for (int i = 0; i < 4; i++) {
		h->counter[6 + i] += i < 2 ? rnd() % 1000000 : rnd() % 1000;
		d = put_int(d, i, net[i], h->counter[6 + i]);
	}
	d = put_str(d, ts);

	for (int k = 0; k < 2; k++) {
		uint64_t count = 50 + rnd() % 200;
		double p50 = h->base_ms[k] * exp((unit() - 0.5) * 0.2);
		uint64_t errors = rnd() % 64 == 0;
		/* gcc evaluates arguments right to left; drawn in that order: with any other order the bytes would differ */
		double p99 = p50 * (4 + 3 * unit()), p95 = p50 * (2 + unit());

		d = put_str(put_str(put_str(d, "service_performance"), tags), ",operation=");
		d = put_str(put_str(d, operation[k]), ",status=success ");
		d = put_int(put_int(d, 0, "count", count), 1, "errors", errors);
		d += snprintf(d, 200,
		    ",duration_ms_sum=%.17g,duration_ms_p50=%.17g,duration_ms_p95=%.17g,duration_ms_p99=%.17g",
		    p50 * count * 1.1, p50, p95, p99);
		d = put_str(d, ts);
	}
	return d;
}

static char *generate(size_t *len)
{
	int64_t end = opt.end ? opt.end : time(NULL), div = 1;
	size_t room = (size_t)opt.hosts * opt.steps * (opt.fields ? BYTES_PER_CPU_LINE_MAX : BYTES_PER_HOST_MAX);
	struct host *h = calloc(opt.hosts, sizeof *h);

	if (!strcmp(opt.precision, "us"))
		div = 1000;
	else if (!strcmp(opt.precision, "ms"))
		div = 1000000;
	else if (!strcmp(opt.precision, "s"))
		div = 1000000000;
	else if (strcmp(opt.precision, "ns"))
		die("--precision is ns, us, ms or s");
	if (room > 2 * TEXT_MAX)
		die("more than 8 GiB of lines: fewer --hosts or --steps");
	char *text = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
	     *d = text;
	if (!h || text == MAP_FAILED)
		die("memory");

	rnd_state = 88172645463325252ull ^ ((uint64_t)opt.seed * 0x9E3779B97F4A7C15ull);
	if (!rnd_state)
		rnd_state = 1;
	for (long i = 0; i < opt.hosts; i++) {
		for (int j = 0; j < 10; j++)
			h[i].cpu[j] = unit() * 100;
		for (int j = 0; j < 9; j++)
			h[i].mem[j] = ((4ull << 30) + rnd() % (12ull << 30)) & ~4095ull;
		for (int j = 0; j < 10; j++)
			h[i].counter[j] = rnd() % 1000000000;
		for (int j = 0; j < 2; j++)
			h[i].base_ms[j] = 1 + unit() * 50;
	}
	end -= end % STEP_S;
	for (long s = 0; s < opt.steps; s++) {
		char ts[32];

		snprintf(
		    ts, sizeof ts, " %lld\n", (long long)((end - (opt.steps - 1 - s) * STEP_S) * 1000000000ll / div));
		for (long i = 0; i < opt.hosts; i++)
			d = put_host(d, &h[i], i, ts);
	}
	free(h);
	*len = d - text;
	return text;
}

static const char *load(const char *path, size_t *len)
{
	struct stat st;
	int fd = open(path, O_RDONLY);

	if (fd < 0 || fstat(fd, &st))
		die(path);
	if (!st.st_size || (size_t)st.st_size > TEXT_MAX)
		die("--load: an empty file, or more than 8 GiB");
	const char *text = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (text == MAP_FAILED)
		die(path);
	close(fd);
	*len = st.st_size;
	return text;
}

/* ---- batches ---- */

static long count_values(const char *p, const char *end)
{
	long n = 1;
	bool quoted = false;

	while (p < end && *p != ' ')
		p += *p == '\\' ? 2 : 1;
	for (p++; p < end && (quoted || *p != ' '); p++) {
		if (*p == '\\' && quoted)
			p++;
		else if (*p == '"')
			quoted = !quoted;
		else if (*p == ',' && !quoted)
			n++;
	}
	return n;
}

static void compress_batch(struct batch *b)
{
	z_stream z = { 0 };
	uLong room = 0;

	if (deflateInit2(&z, opt.gzip, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		die("zlib");
	room = deflateBound(&z, b->body_len);
	Bytef *out = malloc(room);
	if (!out)
		die("memory");
	z.next_in = (Bytef *)b->body;
	z.avail_in = b->body_len;
	z.next_out = out;
	z.avail_out = room;
	if (deflate(&z, Z_FINISH) != Z_STREAM_END)
		die("zlib");
	b->body_len = z.total_out;
	b->body = (char *)(out = realloc(out, z.total_out));
	deflateEnd(&z);
}

static void cut(const char *text, size_t len)
{
	const char *end = text + len, *p = text;
	long room = 0, line = 0;

	while (p < end && !(opt.max_batches && batch_count == opt.max_batches)) {
		if (batch_count == room &&
		    !(batches = realloc(batches, (room = room ? room * 2 : 1024) * sizeof *batches)))
			die("memory");
		struct batch *b = &batches[batch_count++];

		*b = (struct batch){ .body = p, .first_line = line };
		while (p < end && b->lines < opt.batch) {
			const char *e = memchr(p, '\n', end - p);
			if (!e)
				e = end - 1;
			b->values += count_values(p, e);
			b->lines++;
			p = e + 1;
		}
		line += b->lines;
		b->body_len = p - b->body;
	}
}

/* ---- the clients ---- */

static int dial(void)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_port = htons(opt.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)
	};
	struct timeval limit = { .tv_sec = 60 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	if (connect(fd, (struct sockaddr *)&a, sizeof a)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Header and body in one system call as long as they fit: a small request is one packet. */
static bool send_request(int fd, const char *head, size_t head_len, const struct batch *b)
{
	struct iovec v[2] = { { (void *)head, head_len }, { (void *)b->body, b->body_len } };
	struct msghdr m = { .msg_iov = v, .msg_iovlen = 2 };

	while (v[0].iov_len + v[1].iov_len) {
		ssize_t n = sendmsg(fd, &m, MSG_NOSIGNAL);
		if (n <= 0)
			return false;
		for (int i = 0; i < 2; i++) {
			size_t k = (size_t)n < v[i].iov_len ? (size_t)n : v[i].iov_len;
			v[i].iov_base = (char *)v[i].iov_base + k;
			v[i].iov_len -= k;
			n -= k;
		}
	}
	return true;
}

/* The status, or -1. *keep is false if the connection cannot be used again. */
static int read_answer(int fd, bool *keep)
{
	static atomic_int shown;
	char b[16384], *end = NULL, *length;
	size_t n = 0;

	*keep = false;
	while (!end) {
		ssize_t r = n < sizeof b - 1 ? recv(fd, b + n, sizeof b - 1 - n, 0) : -1;
		if (r <= 0)
			return -1;
		b[n += r] = 0;
		end = strstr(b, "\r\n\r\n");
	}
	int status = n > 12 ? (int)strtol(b + 9, NULL, 10) : -1;
	length = strcasestr(b, "\ncontent-length:");
	size_t need = length && length < end ? strtoul(length + 16, NULL, 10) : 0, have = n - (end + 4 - b);
	if ((status < 200 || status > 299) && atomic_fetch_add(&shown, 1) < 5)
		fprintf(stderr, "%.*s\n", (int)(n > 400 ? 400 : n), b);
	while (have < need) {
		ssize_t r = recv(fd, b, sizeof b, 0);
		if (r <= 0)
			return status;
		have += r;
	}
	*keep = status >= 200 && status <= 299 && !strcasestr(b, "\nconnection: close") && (status == 204 || length);
	return status;
}

static void *client(void *arg)
{
	int fd = *(int *)arg;
	bool plain = !strcmp(opt.precision, "ns");
	char head[HEAD_MAX];

	while (!atomic_load(&stop)) {
		long k = atomic_fetch_add(&next_batch, 1);
		if (k >= batch_count)
			break;
		struct batch *b = &batches[k];
		bool keep = false;
		int n = snprintf(head, sizeof head,
		    "POST %s%s%s HTTP/1.1\r\nHost: 127.0.0.1:%ld\r\nContent-Type: text/plain; charset=utf-8\r\n"
		    "%s%sContent-Length: %zu\r\n\r\n",
		    opt.url_path,
		    plain			    ? ""
			: strchr(opt.url_path, '?') ? "&precision="
						    : "?precision=",
		    plain ? "" : opt.precision, opt.port, opt.headers, opt.gzip ? "Content-Encoding: gzip\r\n" : "",
		    b->body_len);
		double t = now_s();

		if (fd < 0)
			fd = dial();
		b->status = -1;
		if (fd >= 0) {
			bool sent = send_request(fd, head, n, b);
			b->status = read_answer(fd, &keep); /* also after a failed send: the server may have said why */
			keep = keep && sent;
		}
		b->done_s = now_s();
		b->ack_s = b->done_s - t;
		if (fd >= 0 && !keep) {
			close(fd);
			fd = -1;
		}
		if (b->status < 200 || b->status > 299) {
			if (atomic_fetch_add(&failures, 1) >= MAX_FAILURES)
				atomic_store(&stop, true);
			if (opt.stop_on_error)
				break;
		}
		if (b->done_s - start_s > opt.max_seconds)
			atomic_store(&stop, true);
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void report(double seconds, double cpu_s)
{
	double *ack = malloc((batch_count + 1) * sizeof *ack);
	long n = 0, lines = 0, values = 0, acked_lines = 0, acked_values = 0;
	size_t bytes = 0, sent = 0;

	if (!ack)
		die("memory");
	for (long i = 0; i < batch_count; i++) {
		const struct batch *b = &batches[i];

		lines += b->lines;
		values += b->values;
		sent += b->body_len;
		if (b->status >= 200 && b->status <= 299) {
			acked_lines += b->lines;
			acked_values += b->values;
			bytes += b->body_len;
			ack[n++] = b->ack_s * 1e3;
		}
	}
	qsort(ack, n, sizeof *ack, by_value);
	if (!n)
		ack[0] = 0;
	printf(
	    "{\"batches\":%ld,\"lines\":%ld,\"values\":%ld,\"body_bytes\":%zu,\"acked_batches\":%ld,\"acked_lines\":%ld,\"acked_values\":%ld,"
	    "\"failures\":%ld,\"seconds\":%.3f,\"values_per_s\":%.0f,\"batches_per_s\":%.0f,\"mb_per_s\":%.1f,\"client_cpu_s\":%.2f,"
	    "\"ack_ms\":{\"p50\":%.3f,\"p99\":%.3f,\"max\":%.3f}}\n",
	    batch_count, lines, values, sent, n, acked_lines, acked_values, atomic_load(&failures), seconds,
	    acked_values / seconds, n / seconds, bytes / seconds / 1e6, cpu_s, ack[n / 2], ack[n * 99 / 100],
	    ack[n ? n - 1 : 0]);
	free(ack);
}

static void write_acked(const char *path)
{
	FILE *f = fopen(path, "w");

	if (!f)
		die(path);
	for (long i = 0; i < batch_count; i++)
		fprintf(f, "%ld %ld %ld %d %.1f\n", batches[i].first_line, batches[i].lines, batches[i].values,
		    batches[i].status, batches[i].status ? (batches[i].done_s - start_s) * 1e3 : 0);
	if (fclose(f))
		die(path);
}

static void parse(int argc, char **argv)
{
	const struct {
		const char *name;
		long *n;
		long min, max;
		const char **s;
	} table[] = {
		{ "--hosts", &opt.hosts, 1, 1000000, NULL },
		{ "--steps", &opt.steps, 1, 10000000, NULL },
		{ "--fields", &opt.fields, 0, 10, NULL },
		{ "--batch", &opt.batch, 1, 10000000, NULL },
		{ "--conns", &opt.conns, 1, MAX_CONNS, NULL },
		{ "--port", &opt.port, 1, 65535, NULL },
		{ "--seed", &opt.seed, 0, INT32_MAX, NULL },
		{ "--end", &opt.end, 0, 1ll << 33, NULL },
		{ "--gzip", &opt.gzip, 0, 9, NULL },
		{ "--max-batches", &opt.max_batches, 0, INT32_MAX, NULL },
		{ "--max-seconds", &opt.max_seconds, 1, 3600, NULL },
		{ "--url-path", NULL, 0, 0, &opt.url_path },
		{ "--path", NULL, 0, 0, &opt.url_path },
		{ "--precision", NULL, 0, 0, &opt.precision },
		{ "--dump", NULL, 0, 0, &opt.dump },
		{ "--load", NULL, 0, 0, &opt.load },
		{ "--acked", NULL, 0, 0, &opt.acked },
	};

	errno = 0;
	for (int i = 1; i < argc; i++) {
		size_t k = 0;

		if (!strcmp(argv[i], "--stop-on-error")) {
			opt.stop_on_error = true;
			continue;
		}
		if (i + 1 == argc)
			die("an option needs its value, or is unknown: the header of lpgen.c lists them");
		if (!strcmp(argv[i], "--header")) {
			size_t used = strlen(opt.headers);
			if ((size_t)snprintf(opt.headers + used, sizeof opt.headers - used, "%s\r\n", argv[++i]) >=
			    sizeof opt.headers - used)
				die("--header is too long");
			continue;
		}
		while (k < sizeof table / sizeof *table && strcmp(argv[i], table[k].name))
			k++;
		if (k == sizeof table / sizeof *table)
			die(argv[i]);
		if (table[k].s)
			*table[k].s = argv[++i];
		else {
			char *end;
			long v = strtol(argv[++i], &end, 10);
			if (*end || v < table[k].min || v > table[k].max)
				die("a number is missing or out of range");
			*table[k].n = v;
		}
	}
	if (strlen(opt.url_path) + strlen(opt.headers) > HEAD_MAX - 256)
		die("--url-path and --header are too long");
}

int main(int argc, char **argv)
{
	size_t len = 0;
	pthread_t thread[MAX_CONNS];
	int fd[MAX_CONNS];
	struct rusage before, after;

	parse(argc, argv);
	const char *text = opt.load ? load(opt.load, &len) : generate(&len);
	if (opt.dump) {
		FILE *f = fopen(opt.dump, "w");
		if (!f || fwrite(text, 1, len, f) != len || fclose(f))
			die(opt.dump);
		return 0;
	}
	cut(text, len);
	if (opt.gzip)
		for (long i = 0; i < batch_count; i++)
			compress_batch(&batches[i]);
	for (long i = 0; i < opt.conns; i++)
		if ((fd[i] = dial()) < 0)
			die("connect to 127.0.0.1");

	getrusage(RUSAGE_SELF, &before);
	start_s = now_s();
	for (long i = 0; i < opt.conns; i++)
		if ((errno = pthread_create(&thread[i], NULL, client, &fd[i])))
			die("thread");
	for (long i = 0; i < opt.conns; i++)
		pthread_join(thread[i], NULL);
	double seconds = now_s() - start_s;
	getrusage(RUSAGE_SELF, &after);

	report(seconds,
	    after.ru_utime.tv_sec - before.ru_utime.tv_sec + after.ru_stime.tv_sec - before.ru_stime.tv_sec +
		(after.ru_utime.tv_usec - before.ru_utime.tv_usec + after.ru_stime.tv_usec - before.ru_stime.tv_usec) *
		    1e-6);
	if (opt.acked)
		write_acked(opt.acked);
	return atomic_load(&failures) ? 1 : 0;
}
