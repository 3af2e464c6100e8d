/* Records become lines of a batch; a full batch is sent. For each line of the batch its place in the file is kept, so that
 * what the daemon refuses can be told by the file's lines. Every line has its timestamp: sending one twice changes nothing,
 * so a request without an answer is simply sent again, and so is a whole file. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "cli/batches.h"
#include "cli/commands.h"
#include "cli/import.h"
#include "cli/progress.h"

enum { READ_STEP = 256 << 10, SHOWN = 10, WAIT_S = 60, DETECT_BYTES = 4096 };
static const int64_t PAUSE_FIRST_NS = NS_PER_S / 4, PAUSE_MAX_NS = 8 * NS_PER_S;

struct place {
	uint64_t file_line;
	uint64_t body_line; /* from 1 */
	size_t start; /* in the batch */
};

struct importing {
	struct client *client;
	struct buf path;
	int64_t wait_ns;
	struct import im;
	struct buf batch;
	struct place places[BATCH_LINES + 1];
	unsigned count;
	uint64_t body_lines;
	uint64_t written, refused, shown; /* points; shown: reasons told */
	uint64_t bytes, total;
	bool any_answer;
	struct progress progress;
	struct errbuf why;
};

static void refuse(struct importing *m, uint64_t line, const char *why)
{
	progress_clear(&m->progress);
	if (m->shown++ < SHOWN)
		complain(0, "line %llu: %s", (unsigned long long)line, why);
}

/* ---- what the daemon says ---- */

static const struct place *place_of(const struct importing *m, unsigned first, unsigned last, uint64_t body_line)
{
	const struct place *found = &m->places[first];
	uint64_t before = m->places[first].body_line - 1;

	for (unsigned i = first; i < last && m->places[i].body_line - before <= body_line; i++)
		found = &m->places[i];
	return found;
}

/* InfluxDB's words for the first refused line: "partial write: unable to parse … dropped=0\n…" without what is around. */
static void first_words(char out[300], const char *text)
{
	static const char prefix[] = "partial write: ";

	if (!strncmp(text, prefix, sizeof prefix - 1))
		text += sizeof prefix - 1;
	size_t n = strcspn(text, "\n");
	const char *tail = text[n] ? NULL : strstr(text, " dropped=");
	snprintf(out, 300, "%.*s", (int)(tail ? (size_t)(tail - text) : n), text);
}

/* "3 unparsable, 17 too_old". text: the daemon's message. */
static void tell_refused(
    struct importing *m, unsigned first, unsigned last, const struct client_answer *a, const char *text)
{
	const char *p = a->refused_lines;
	uint64_t total = 0, told = 0;
	char words[300];

	first_words(words, text);
	if (!num_parse_u64(view_of(a->refused), &total) || total == 0) { /* not a Holdfast, or none were kept */
		total = last - first;
		m->refused += total;
		m->written -= total;
		refuse(m, m->places[first].file_line, words);
		return;
	}
	m->refused += total;
	m->written -= total;
	for (; *p; told++) {
		char reason[32] = "";
		size_t digits = strspn(p, "0123456789"), n;
		uint64_t line;
		if (!num_parse_u64((struct view){ p, digits }, &line))
			break;
		p += digits + (p[digits] == ' ');
		n = strcspn(p, ",");
		snprintf(reason, sizeof reason, "%.*s", (int)n, p);
		p += n + (p[n] == ',');
		p += *p == ' ';
		refuse(m, place_of(m, first, last, line)->file_line, told ? reason : words);
	}
	m->shown += total - told;
}

static void tell_refusal(struct importing *m, unsigned first, unsigned last, const struct client_answer *a)
{
	json_error_t error;
	json_t *root = a->body.len ? json_loadb(a->body.p, a->body.len, 0, &error) : NULL;
	const char *text = json_string_value(json_object_get(root, "error"));

	tell_refused(m, first, last, a, text ? text : "refused");
	json_decref(root);
}

/* ---- sending ---- */

static void pause_for(int64_t ns)
{
	nanosleep(&(struct timespec){ .tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S }, NULL);
}

/* Asks until there is an answer other than "later", for wait_ns at most. Before the first answer of all nobody waits for
 * a daemon that is not there. */
static enum err ask(struct importing *m, struct view text, struct client_answer *a, struct errbuf *eb)
{
	int64_t deadline = clock_mono_ns() + m->wait_ns, pause = PAUSE_FIRST_NS;

	for (;;) {
		enum err e = client_ask(m->client, m->path.p, &text, a, eb);
		if (e == ERR_OK)
			m->any_answer = true;
		if ((e == ERR_OK && a->status != 503) || (e != ERR_OK && (e != ERR_UNAVAILABLE || !m->any_answer)))
			return e;
		int64_t wish = e == ERR_OK ? a->retry_after_s * NS_PER_S : 0;
		wish = wish > PAUSE_MAX_NS ? PAUSE_MAX_NS : wish;
		pause = wish > pause ? wish : pause;
		if (clock_mono_ns() + pause > deadline)
			return e;
		client_answer_fini(a);
		pause_for(pause);
		pause = pause * 2 > PAUSE_MAX_NS ? PAUSE_MAX_NS : pause * 2;
	}
}

static int stop(struct importing *m, unsigned first, int status, const char *why)
{
	progress_clear(&m->progress);
	complain(0, "%s", why);
	return complain(status,
	    "stopped at line %llu: what was written stays, and importing the whole file again does no harm",
	    (unsigned long long)m->places[first].file_line);
}

/* Lines [first, last) of the batch; in halves where they are too large for the daemon. */
static int send_lines(struct importing *m, unsigned first, unsigned last)
{
	struct view text = { m->batch.p + m->places[first].start, m->places[last].start - m->places[first].start };
	struct client_answer a;
	struct errbuf eb;
	char words[64];
	int status = EXIT_GOOD;
	enum err e = ask(m, text, &a, &eb);

	if (e != ERR_OK) {
		status = stop(m, first, EXIT_UNREACHABLE, eb.text);
	} else if (a.status == 413 && last - first > 1) {
		unsigned middle = first + (last - first) / 2;
		client_answer_fini(&a);
		status = send_lines(m, first, middle);
		return status == EXIT_GOOD ? send_lines(m, middle, last) : status;
	} else if (a.status == 413) {
		m->refused++;
		m->written--;
		refuse(m, m->places[first].file_line, "longer than [server] max_body");
	} else if (a.status == 400) {
		tell_refusal(m, first, last, &a);
	} else if (a.status < 200 || a.status > 299) {
		json_error_t error;
		json_t *root = a.body.len ? json_loadb(a.body.p, a.body.len, 0, &error) : NULL;
		const char *said = json_string_value(json_object_get(root, "error"));
		snprintf(words, sizeof words, "HTTP %d", a.status);
		status = stop(m, first, EXIT_BAD, said ? said : words);
		json_decref(root);
	}
	if (status == EXIT_GOOD)
		m->written += last - first; /* those refused are taken off already */
	client_answer_fini(&a);
	return status;
}

static int send_batch(struct importing *m)
{
	int status = EXIT_GOOD;

	if (m->count) {
		m->places[m->count] = (struct place){ .start = m->batch.len };
		status = send_lines(m, 0, m->count);
	}
	if (m->batch.cap > 4 * (size_t)BATCH_BYTES) /* after a line of unusual size */
		buf_fini(&m->batch);
	buf_clear(&m->batch);
	m->count = 0;
	m->body_lines = 0;
	return status;
}

/* ---- reading ---- */

/* One line more, which begins at start. */
static int take_line(struct importing *m, size_t start)
{
	m->places[m->count++] = (struct place){ m->im.line, m->body_lines + 1, start };
	for (size_t i = start; i < m->batch.len; i++)
		m->body_lines += m->batch.p[i] == '\n';
	return m->count == BATCH_LINES || m->batch.len >= BATCH_BYTES ? send_batch(m) : EXIT_GOOD;
}

/* All whole records of text; the rest stays for the next time. */
static int take_text(struct importing *m, struct buf *text, bool end)
{
	size_t at = 0, used = 1;
	int status = EXIT_GOOD;

	while (status == EXIT_GOOD && at < text->len) {
		size_t start = m->batch.len;
		enum import_step s = import_next(
		    &m->im, (struct view){ text->p + at, text->len - at }, end, &used, &m->batch, &m->why);
		if (s == IMPORT_MORE || used == 0)
			break;
		at += used;
		if (m->batch.failed)
			return complain(EXIT_BAD, "out of memory");
		if (s == IMPORT_BAD) {
			m->refused++;
			refuse(m, m->im.line, m->why.text);
		} else if (s == IMPORT_POINT) {
			status = take_line(m, start);
		}
	}
	memmove(text->p, text->p + at, text->len - at);
	text->len -= at;
	m->bytes += at;
	progress_show(&m->progress, m->bytes, m->total, "points", m->written);
	return status;
}

/* At least so many bytes more, and as many as come with them, or the end. False: it cannot be read. */
static bool read_some(int fd, struct buf *text, size_t room, size_t least, bool *end)
{
	for (size_t got = 0; got < least && !*end;) {
		ssize_t n = read(fd, text->p + text->len, room - got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		*end = n == 0;
		text->len += (size_t)n;
		got += (size_t)n;
	}
	return true;
}

static int read_file(struct importing *m, int fd, const char *name, bool told, enum import_format format)
{
	struct buf text;
	int status = EXIT_GOOD;
	bool end = false, begun = false;

	buf_init(&text, 2 * (size_t)IMPORT_RECORD_MAX);
	while (status == EXIT_GOOD && !end) {
		/* a long record is looked at anew each time: twice as much then */
		size_t step = text.len > READ_STEP ? text.len : READ_STEP;
		if (!buf_reserve(&text, step)) {
			status = complain(EXIT_BAD, "%s, line %llu: longer than 64 MiB; is a quote missing?", name,
			    (unsigned long long)m->im.next_line);
		} else if (!read_some(fd, &text, step, begun ? step / 2 : DETECT_BYTES, &end)) {
			status = complain(EXIT_BAD, "cannot read %s: %s", name, strerror(errno));
		} else if (!begun && text.len >= 2 && !memcmp(text.p, "\x1f\x8b", 2)) {
			status = complain(EXIT_BAD, "%s is packed with gzip: zcat FILE | holdfast import -", name);
		} else {
			if (!begun)
				import_init(&m->im,
				    told ? format : import_detect((struct view){ text.len ? text.p : "", text.len }));
			begun = true;
			status = take_text(m, &text, end);
		}
	}
	if (status == EXIT_GOOD)
		status = send_batch(m);
	if (begun)
		import_fini(&m->im);
	buf_fini(&text);
	return status;
}

/* ---- the command ---- */

static const char help[] =
    "Usage: holdfast import [--db DATABASE] [--format lp|csv|jsonl] [--wait DURATION] FILE\n"
    "Writes the points of FILE (- is standard input), which holdfast export or another program made, in requests of up\n"
    "to 5,000. The format is found out by the file's beginning. Each point needs its time: importing a file again changes\n"
    "nothing. Points that are refused are told by their line, the others are written.\n\n"
    "  --wait DURATION  how long to go on asking a daemon that is overloaded or restarts, default 60s\n\n"
    "Exit status 1 if any point was refused.\n";

static int run(struct importing *m, const char *file, bool told, enum import_format format)
{
	bool is_stdin = !strcmp(file, "-");
	int fd = is_stdin ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return complain(EXIT_USAGE, "cannot open %s: %s", file, strerror(errno));
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		m->total = (uint64_t)st.st_size;
	progress_init(&m->progress);
	int status = read_file(m, fd, is_stdin ? "standard input" : file, told, format);
	progress_clear(&m->progress);
	if (!is_stdin)
		close(fd);
	if (m->shown > SHOWN)
		complain(0, "(and %llu more)", (unsigned long long)(m->shown - SHOWN));
	fprintf(stderr, "%llu points written, %llu refused\n", (unsigned long long)m->written,
	    (unsigned long long)m->refused);
	return status == EXIT_GOOD && m->refused ? EXIT_BAD : status;
}

int cmd_import(struct client *c, int argc, char **argv)
{
	static const struct option list[] = { { "db", required_argument, NULL, 'd' },
		{ "format", required_argument, NULL, 'F' }, { "wait", required_argument, NULL, 'w' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	int64_t wait_ns = WAIT_S * NS_PER_S;
	enum import_format format = IMPORT_LP;
	const char *db = "metrics";
	bool told = false;
	int option;

	while ((option = getopt_long(argc, argv, "", list, NULL)) != -1) {
		switch (option) {
		case 'd':
			db = optarg;
			break;
		case 'F':
			told = true;
			if (!import_format_find(optarg, &format))
				return complain(EXIT_USAGE, "--format %s is not lp, csv or jsonl", optarg);
			break;
		case 'w':
			if (!num_parse_duration_ns(view_of(optarg), &wait_ns) || wait_ns > 86400 * NS_PER_S)
				return complain(
				    EXIT_USAGE, "--wait %s is not a duration such as 30s, up to 1d", optarg);
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_GOOD;
		default:
			return complain(EXIT_USAGE,
			    "%s is not an option of import, or lacks its value; see holdfast import --help",
			    argv[optind - 1]);
		}
	}
	if (optind + 1 != argc)
		return complain(EXIT_USAGE, "import takes one file, or -; see holdfast import --help");
	struct importing *m = calloc(1, sizeof *m);
	if (!m)
		return complain(EXIT_BAD, "out of memory");
	m->client = c;
	m->wait_ns = wait_ns;
	buf_init(&m->batch, (size_t)BATCH_BYTES + 8 * (size_t)IMPORT_RECORD_MAX);
	buf_init(&m->path, 64 << 10);
	buf_str(&m->path, "/write");
	client_add_parameter(&m->path, "db", db);
	client_add_parameter(&m->path, "precision", "ns");
	buf_char(&m->path, 0);
	int status = m->path.failed ? complain(EXIT_USAGE, "the options are too long")
				    : run(m, argv[optind], told, format);
	buf_fini(&m->path);
	buf_fini(&m->batch);
	free(m);
	return status;
}
