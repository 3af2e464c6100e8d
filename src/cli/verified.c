#include "cli/verified.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/timetext.h"

enum { TIME_TEXT = 32 };

static double number(const json_t *o, const char *name)
{
	return json_number_value(json_object_get(o, name));
}

static void put_time(char out[TIME_TEXT], const json_t *o, const char *name)
{
	timetext_format(out, (int64_t)(number(o, name) / 1000) * NS_PER_S);
}

/* Of several databases the one that is behind the others. NULL: nothing was looked at. */
static const json_t *find_least(const json_t *list)
{
	const json_t *one, *least = NULL;
	size_t i;

	json_array_foreach(list, i, one) if (!least || number(one, "until_ms") < number(least, "until_ms")) least = one;
	return least;
}

/* Points that the record refused. */
static double quarantined(const json_t *replication)
{
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(replication, "targets"), i, one)
	{
		const char *kind = json_string_value(json_object_get(one, "kind"));
		if (kind && !strcmp(kind, "record"))
			return number(one, "quarantined_points");
	}
	return 0;
}

static int put_verified(char *out, size_t size, const json_t *replication)
{
	const json_t *list = json_object_get(replication, "verified");
	char but[64] = "";
	double refused = quarantined(replication);
	const json_t *least = find_least(list);
	char from[TIME_TEXT], until[TIME_TEXT], at[TIME_TEXT];
	const char *database = json_string_value(json_object_get(least, "database"));

	put_time(from, least, "from_ms");
	put_time(until, least, "until_ms");
	put_time(at, least, "at_ms");
	if (number(least, "until_ms") <= number(least, "from_ms"))
		return snprintf(out, size, "InfluxDB lacks points of %.100s from %s on, verified %s",
		    database ? database : "a database", from, at);
	if (refused > 0)
		snprintf(but, sizeof but, " but for %.0f point%s in quarantine", refused, refused == 1 ? "" : "s");
	return snprintf(out, size, "InfluxDB has everything up to %s%s, verified %s%s", until, but, at,
	    json_is_true(json_object_get(least, "deep")) ? ", value for value" : "");
}

static int put_nothing_yet(char *out, size_t size, const json_t *verify)
{
	time_t next = (time_t)(number(verify, "next_ms") / 1000);
	char at[TIME_TEXT];
	struct tm tm;

	if (next <= 0 || !localtime_r(&next, &tm) || !strftime(at, sizeof at, "%H:%M", &tm))
		return snprintf(out, size, "not verified yet: holdfast verify does it");
	return snprintf(out, size, "not verified yet: holdfast verify, or wait for the nightly run at %s", at);
}

static int put_differences(char *out, size_t size, const json_t *verify)
{
	double lacking = number(verify, "lacking_hours") - number(verify, "repaired_hours"),
	       more = number(verify, "more_hours");

	if (lacking > 0)
		return snprintf(out, size,
		    "; it differs in %.0f hours of measurements: holdfast verify --last lists them, holdfast verify --repair sends "
		    "them again",
		    lacking);
	if (more > 0)
		return snprintf(
		    out, size, "; InfluxDB has more in %.0f hours of measurements: holdfast backfill fetches it", more);
	if (number(verify, "repaired_hours") > 0)
		return snprintf(out, size, "; what differed is sent again, holdfast verify tells afterwards");
	return 0;
}

void verified_line(const json_t *replication, char out[VERIFIED_LINE])
{
	const json_t *verify = json_object_get(replication, "verify"), *list = json_object_get(replication, "verified");
	bool any = json_array_size(list) > 0;

	*out = 0;
	if (!json_is_object(verify))
		return;
	int n = any ? put_verified(out, VERIFIED_LINE, replication) : put_nothing_yet(out, VERIFIED_LINE, verify);
	n += put_differences(out + n, VERIFIED_LINE - (size_t)n, verify);
	const char *state = json_string_value(json_object_get(verify, "state"));
	if (state && !strcmp(state, "running"))
		snprintf(out + n, VERIFIED_LINE - (size_t)n, "; it is being compared now");
	else if (state && !strcmp(state, "failed"))
		snprintf(out + n, VERIFIED_LINE - (size_t)n, "; the last comparison failed: %.200s",
		    json_string_value(json_object_get(verify, "error")));
}
