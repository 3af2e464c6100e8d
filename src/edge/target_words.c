#include "edge/target_words.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"

static const char mirror[] = "mirror:";
enum { MIRROR = sizeof mirror - 1 };

bool target_words_is_record(const char *target)
{
	return strncmp(target, mirror, MIRROR) != 0;
}

void target_words_name(const char *target, char out[TARGET_WORDS_NAME])
{
	if (target_words_is_record(target))
		snprintf(out, TARGET_WORDS_NAME, "InfluxDB");
	else
		snprintf(out, TARGET_WORDS_NAME, "the mirror %s", target + MIRROR);
}

static void section(const char *target, char out[TARGET_WORDS_NAME])
{
	if (target_words_is_record(target))
		snprintf(out, TARGET_WORDS_NAME, "[influxdb]");
	else
		snprintf(out, TARGET_WORDS_NAME, "[mirror \"%s\"]", target + MIRROR);
}

/* The first row whose words the error holds. "%s" is the section. */
struct cause {
	const char *words, *advice;
};

static const char *advice_of(const struct cause *causes, const char *error)
{
	while (*causes->words && !strstr(error, causes->words))
		causes++;
	return causes->advice;
}

/* Of what the server refuses. The order is that of flow/answer.c: words before the status. */
static const struct cause held[] = {
	{ "retention policy not found",
	    "The database there lacks its default retention policy: CREATE RETENTION POLICY … DEFAULT makes one (%s)." },
	{ "database not found", "Create the database there, or set create_database = yes in %s and restart." },
	{ "bucket", "Create the bucket there, or set bucket in %s to one that is, and restart." },
	{ "organization", "Set org in %s to an organization that is there, and restart." },
	{ "HTTP 401", "Put a token, or a username and password, that it knows into the files that %s names." },
	{ "HTTP 403", "Give the token or user of %s the right to write there." },
	{ "HTTP 407", "The proxy asks for a password: set proxy in %s to one that does not, and restart." },
	{ "HTTP 3", "The address leads elsewhere: set url in %s to where it does, and restart." },
	{ "HTTPS", "It speaks TLS: set url in %s to https://…, and restart." },
	{ "<", "Something else than a database answers there: check url and proxy in %s." },
	{ "", "Check url, database and rights in %s." },
};

static const struct cause down[] = {
	{ "certificate",
	    "Its certificate is not trusted: set ca_file in %s to the authority that signed it, and restart." },
	{ "resolve host", "Check the host in url of %s." },
	{ "HTTP 429", "It asks for less; Holdfast sends less until it takes all (%s)." },
	{ "", "Bring the server of %s back, or the way to it; delivery goes on by itself." },
};

void target_words_advice(const struct replicator_stats *t, char out[TARGET_WORDS_ADVICE])
{
	bool is_held = t->state == REPLICATOR_HELD;
	char where[TARGET_WORDS_NAME];
	struct buf b;

	*out = 0;
	if (t->state == REPLICATOR_PAUSED)
		snprintf(out, TARGET_WORDS_ADVICE, "holdfast replication resume --target %s lets it go on.", t->target);
	if (!is_held && t->state != REPLICATOR_DOWN)
		return;
	section(t->target, where);
	const char *advice = advice_of(is_held ? held : down, t->last_error), *at = strstr(advice, "%s");
	buf_init(&b, TARGET_WORDS_ADVICE);
	buf_printf(&b, "%.*s%s%s", (int)(at - advice), advice, where, at + 2);
	if (is_held)
		buf_str(&b, " It is tried again each minute, and by holdfast replication retry.");
	buf_char(&b, 0);
	if (!b.failed)
		snprintf(out, TARGET_WORDS_ADVICE, "%s", b.p);
	buf_fini(&b);
}
