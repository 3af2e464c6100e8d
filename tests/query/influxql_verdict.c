/* What the query language says to each statement: reads lines (a statement, perhaps a tab and its parameters in JSON; ␤ is a
 * newline) and prints "ok", or the error as the server would give it. Valid statements are also printed and parsed again.
 *
 *   influxql_verdict            verdicts; SELECTs are checked too
 *   influxql_verdict -t T...    each line is a condition on time: which of the instants T, in ns, it lets through */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "query/influxql/check.h"
#include "query/influxql/parser.h"
#include "query/influxql/print.h"

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* The tree printed, parsed and printed again must give the same text. */
static bool prints_well(const struct iql_query *q, struct errbuf *eb)
{
	struct buf one, two;
	struct arena a;
	struct iql_query again;
	bool same = false;

	arena_init(&a, 1 << 16, 1 << 26);
	buf_init(&one, 1 << 22);
	buf_init(&two, 1 << 22);
	for (const struct iql_statement *s = q->first; s; s = s->next) {
		iql_print_statement(s, &one);
		buf_char(&one, ';');
	}
	if (iql_parse(&a, (struct view){ one.p, one.len }, NULL, &again, eb) == ERR_OK) {
		for (const struct iql_statement *s = again.first; s; s = s->next) {
			iql_print_statement(s, &two);
			buf_char(&two, ';');
		}
		same = one.len == two.len && (one.len == 0 || memcmp(one.p, two.p, one.len) == 0);
	}
	if (!same)
		printf("PRINTED WRONG %.*s | %.*s\n", (int)one.len, one.p, (int)two.len, two.p);
	buf_fini(&one);
	buf_fini(&two);
	arena_fini(&a);
	return same;
}

/* One line, whatever it says. */
static void put_line(const char *s)
{
	for (; *s; s++)
		if (*s == '\n')
			fputs("\xE2\x90\xA4", stdout);
		else
			putchar(*s);
	putchar('\n');
}

static void verdict(struct view text, struct view json)
{
	struct arena a;
	struct iql_params params;
	struct iql_query q;
	struct errbuf eb = { "" };

	arena_init(&a, 1 << 16, 1 << 26);
	if (iql_params_read(&a, json, &params, &eb) == ERR_OK && iql_parse(&a, text, &params, &q, &eb) == ERR_OK &&
	    prints_well(&q, &eb)) {
		for (struct iql_statement *s = q.first; s && !eb.text[0]; s = s->next)
			if (iql_check_statement(&a, s, now_ns(), &eb) == ERR_OK)
				eb.text[0] = 0;
		if (!eb.text[0])
			snprintf(eb.text, sizeof eb.text, "ok");
	}
	put_line(eb.text);
	arena_fini(&a);
}

static void show_times(struct view condition, int count, char **times)
{
	struct arena a;
	struct iql_query q = { 0 };
	struct errbuf eb = { "" };
	struct buf text;
	const char *between = "";

	arena_init(&a, 1 << 16, 1 << 26);
	buf_init(&text, 1 << 16);
	buf_str(&text, "SELECT v FROM times WHERE ");
	buf_view(&text, condition);
	if (iql_parse(&a, (struct view){ text.p, text.len }, NULL, &q, &eb) != ERR_OK ||
	    iql_check_statement(&a, q.first, now_ns(), &eb) != ERR_OK) {
		put_line(eb.text);
	} else {
		const struct iql_range *r = &q.first->select->range;
		for (int i = 0; i < count; i++) {
			int64_t t = strtoll(times[i], NULL, 10);
			if (t < r->from_ns || t >= r->to_ns)
				continue;
			printf("%s%lld", between, (long long)t);
			between = " ";
		}
		puts("");
	}
	buf_fini(&text);
	arena_fini(&a);
}

/* ␤ to a newline, in place. */
static size_t unfold(char *line, size_t n)
{
	static const char mark[] = "\xE2\x90\xA4";
	size_t to = 0;

	for (size_t i = 0; i < n;) {
		bool newline = n - i >= 3 && memcmp(line + i, mark, 3) == 0;
		line[to++] = newline ? '\n' : line[i];
		i += newline ? 3 : 1;
	}
	return to;
}

int main(int argc, char **argv)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	bool times = argc > 1 && strcmp(argv[1], "-t") == 0;

	while ((n = getline(&line, &cap, stdin)) > 0) {
		size_t len = (size_t)n - (line[n - 1] == '\n');
		char *tab = memchr(line, '\t', len);
		struct view json = { "", 0 };
		if (tab) {
			json = (struct view){ tab + 1, len - (size_t)(tab + 1 - line) };
			len = (size_t)(tab - line);
		}
		struct view text = { line, unfold(line, len) };
		if (times)
			show_times(text, argc - 2, argv + 2);
		else
			verdict(text, json);
	}
	free(line);
	return 0;
}
