/* Files of any bytes through import; the first byte chooses the format. What it holds true: every byte is consumed; a
 * file gives the same lines whether it comes at once or in pieces; a line made of CSV or JSON is one line for the daemon,
 * with a timestamp, whatever its names and strings hold. */
#include <stdint.h>
#include <stdlib.h>

#include "cli/import.h"
#include "wire/lp_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PIECE = 7 };

static void hold(bool truth)
{
	if (!truth)
		abort();
}

static void check_line(struct view line)
{
	struct lp_parser ps;

	lp_init(&ps, line);
	hold(line.len && line.p[line.len - 1] == '\n');
	hold(lp_next_key(&ps) == LP_OK);
	hold(lp_rest(&ps, NULL) == LP_OK ? ps.has_time : ps.why == REJECT_TOO_LONG);
	hold(lp_next_key(&ps) == LP_END);
	lp_fini(&ps);
}

/* Appends every line, and a mark for each bad record. */
static void run(enum import_format f, struct view text, size_t step, struct buf *out)
{
	struct import im;
	struct errbuf why;
	size_t at = 0, have = step ? 0 : text.len, used;

	import_init(&im, f);
	while (at < text.len) {
		bool end = have == text.len;
		size_t start = out->len;
		enum import_step s = import_next(&im, (struct view){ text.p + at, have - at }, end, &used, out, &why);
		if (s == IMPORT_MORE) {
			hold(!end);
			have = have + step > text.len ? text.len : have + step;
			continue;
		}
		hold(used > 0 && used <= have - at);
		hold(s == IMPORT_POINT ? out->len > start : out->len == start);
		at += used;
		if (s == IMPORT_BAD)
			buf_char(out, '!');
		else if (s == IMPORT_POINT && f != IMPORT_LP)
			check_line((struct view){ out->p + start, out->len - start });
	}
	import_fini(&im);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole, pieces;

	if (size == 0)
		return 0;
	struct view text = { (const char *)data + 1, size - 1 };
	enum import_format f = (enum import_format)(data[0] % 3);
	buf_init(&whole, 64 << 20);
	buf_init(&pieces, 64 << 20);
	run(f, text, 0, &whole);
	run(f, text, PIECE, &pieces);
	hold(view_eq((struct view){ whole.p, whole.len }, (struct view){ pieces.p, pieces.len }));
	buf_fini(&whole);
	buf_fini(&pieces);
	return 0;
}
