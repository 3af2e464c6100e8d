/* What SELECT answers, as JSON of InfluxDB's form with times in ns: writes a file of line protocol into a store of its own, then
 * reads statements, a line each.
 *
 *   select_answer [-c] LINES    -c: into blocks and rollups first; else all is in memory */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "query/influxql/check.h"
#include "query/influxql/parser.h"
#include "query/select/select.h"
#include "support/stand.h"

enum { LINE_MAX_BYTES = 1 << 16, WRITE_BYTES = 1 << 20 };

struct out {
	uint32_t series, columns;
	bool rows, has_time;
};

static void put_text(struct view v)
{
	putchar('"');
	for (size_t i = 0; i < v.len; i++) {
		unsigned char c = (unsigned char)v.p[i];
		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < ' ')
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void put_cell(const struct cell *c)
{
	switch (c->type) {
	case CELL_FLOAT:
		if (isfinite(c->f))
			printf("%.17g%s", c->f, c->f == trunc(c->f) && fabs(c->f) < 1e15 ? ".0" : "");
		else
			printf("null");
		break;
	case CELL_INTEGER:
		printf("%lld", (long long)c->i);
		break;
	case CELL_UNSIGNED:
		printf("%llu", (unsigned long long)c->u);
		break;
	case CELL_BOOLEAN:
		printf(c->b ? "true" : "false");
		break;
	case CELL_STRING:
		put_text(c->s);
		break;
	default:
		printf("null");
		break;
	}
}

static void end_series(struct out *o)
{
	if (o->series)
		printf("]}");
}

static bool on_series(void *arg, const struct result_series *s)
{
	struct out *o = arg;

	end_series(o);
	printf(o->series++ ? "," : "\"series\":[");
	printf("{");
	if (s->name.len) {
		printf("\"name\":");
		put_text(s->name);
		putchar(',');
	}
	if (s->tag_count) {
		printf("\"tags\":{");
		for (uint32_t i = 0; i < s->tag_count; i++) {
			if (i)
				putchar(',');
			put_text(s->tags[i].key);
			putchar(':');
			put_text(s->tags[i].value);
		}
		printf("},");
	}
	printf("\"columns\":[");
	for (uint32_t i = 0; i < s->column_count; i++) {
		if (i)
			putchar(',');
		put_text(s->columns[i]);
	}
	printf("],\"values\":[");
	o->columns = s->column_count;
	o->rows = false;
	return true;
}

static bool on_row(void *arg, const struct cell *cells)
{
	struct out *o = arg;

	printf(o->rows ? ",[" : "[");
	o->rows = true;
	for (uint32_t i = 0; i < o->columns; i++) {
		if (i)
			putchar(',');
		put_cell(&cells[i]);
	}
	putchar(']');
	return true;
}

static enum err answer(struct stand *s, struct arena *a, const char *text, struct out *o, struct errbuf *eb)
{
	struct budget budget = { .max_bytes = 64 << 20, .max_rows = 1000000 };
	struct result_report report = { 0 };
	struct result_sink sink = { on_series, on_row, o };
	struct iql_query q;
	int64_t now = clock_wall_ns();
	struct select_env env = { .local = s->local, .catalogue = s->catalogue, .database = view_of("metrics"),
		.budget = &budget, .now_ns = now };
	enum err e = iql_parse(a, view_of(text), NULL, &q, eb);

	if (e == ERR_OK)
		e = iql_check_statement(a, q.first, now, eb);
	if (e == ERR_OK && q.first->kind == IQL_EXPLAIN)
		e = select_explain(&env, a, q.first->select, q.first->flag, &sink, &report, eb);
	else if (e == ERR_OK)
		e = select_run(&env, a, q.first->select, &sink, &report, eb);
	if (e == ERR_OK && budget.used_bytes)
		fprintf(stderr, "%zu bytes of the budget were not given back: %s\n", budget.used_bytes, text);
	return e;
}

static void answer_line(struct stand *s, const char *text)
{
	struct out o = { 0 };
	struct errbuf eb = { "" };
	struct arena a;

	arena_init(&a, 16 << 10, 16 << 20);
	printf("{\"statement_id\":0,");
	enum err e = answer(s, &a, text, &o, &eb);
	end_series(&o);
	printf(o.series ? "]" : "\"none\":true");
	if (e != ERR_OK) {
		printf(",\"error\":");
		put_text(view_of(eb.text));
	}
	printf("}\n");
	fflush(stdout);
	arena_fini(&a);
}

static void write_file(struct stand *s, const char *path)
{
	static char text[WRITE_BYTES + 1];
	FILE *f = fopen(path, "r");
	size_t have = 0, got;

	if (!f) {
		perror(path);
		exit(2);
	}
	while ((got = fread(text + have, 1, WRITE_BYTES - have, f)) > 0 || have) {
		have += got;
		text[have] = '\0';
		char *end = got ? strrchr(text, '\n') : text + have;
		char keep = *end;
		*end = '\0';
		stand_write(s, text);
		*end = keep;
		if (!got)
			break;
		have -= (size_t)(end + 1 - text);
		memmove(text, end + 1, have);
	}
	fclose(f);
}

int main(int argc, char **argv)
{
	static char line[LINE_MAX_BYTES];
	struct stand_opts opts = { .compactor = true, .create_databases = true };
	struct stand s;
	bool compacts = argc > 2 && strcmp(argv[1], "-c") == 0;

	if (argc < 2)
		return 2;
	stand_open(&s, &opts);
	write_file(&s, argv[argc - 1]);
	if (compacts)
		stand_compact(&s);
	while (fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (*line)
			answer_line(&s, line);
	}
	stand_remove(&s);
	return 0;
}
