/* The series key of a line: measurement and tags, as written (escaped).
 *
 * A backslash escapes only where the next byte is special: a comma or space, in tags and field names also an equals
 * sign. So a byte is escaped if the one before it is a backslash, whatever stands before that: `a\\=` ends in a backslash
 * and an escaped equals sign. Two texts are the same name only if they are the same bytes; only the tags' order varies. */
#ifndef WIRE_LP_KEY_H
#define WIRE_LP_KEY_H

#include "base/buf.h"
#include "base/err.h"
#include "model/reject.h"

#define LP_KEY_MAX 65535
#define LP_TAGS_MAX 128

struct lp_tag_view {
	struct view key, value; /* escaped */
};

struct lp_key {
	struct view measurement; /* escaped */
	unsigned tag_count;
	bool sorted; /* the tags are in order of their keys */
	struct lp_tag_view tags[LP_TAGS_MAX];
};

/* Splits and checks a whole key. On failure *why and *error (InfluxDB's words) are set. */
NODISCARD bool lp_key_split(struct view key, struct lp_key *out, enum reject *why, const char **error);
/* Sorts the tags; false if a tag key stands twice. */
NODISCARD bool lp_key_sort(struct lp_key *key);
void lp_key_write(const struct lp_key *key, struct buf *out);

/* UTF-8 without control characters: what every server takes as a name. */
bool lp_name_is_clean(struct view v);

/* Appends the name without its escapes. measurement: an equals sign needs no escape there. */
void lp_unescape(struct view raw, bool measurement, struct buf *out);
/* The other way. */
void lp_escape(struct view name, bool measurement, struct buf *out);

#endif
