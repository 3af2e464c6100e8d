/* What SELECT answers, as JSON of InfluxDB's form with times in ns: writes a file of line protocol into a store of its own, then
 * reads statements, a line each.
 *
 *   select_answer [-c] LINES    -c: into blocks and rollups first; else all is in memory */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/select_json.h"

enum { LINE_MAX_BYTES = 1 << 16, WRITE_BYTES = 1 << 20, ANSWER_BYTES = 1 << 28 };

static void answer_line(struct stand *s, const char *text)
{
	struct budget budget = { .max_bytes = 64 << 20, .max_rows = 1000000 };
	struct buf out;

	buf_init(&out, ANSWER_BYTES);
	(void)!select_json(s, text, &budget, &out);
	puts(out.failed ? "too long" : (buf_char(&out, '\0'), out.p));
	fflush(stdout);
	if (budget.used_bytes)
		fprintf(stderr, "%zu bytes of the budget were not given back: %s\n", budget.used_bytes, text);
	buf_fini(&out);
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
