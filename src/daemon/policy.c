/* [retention] measurements = NAME TIER=DURATION…; NAME…      e.g. cpu raw=7d 1h=1y; net raw=3d
 * [retention] sketches = PATTERN, PATTERN…                   each MEASUREMENT.FIELD, with * and ? */
#include "daemon/policy.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

enum { NAME_BYTES = 256 };

struct exception {
	char *name;
	int64_t ns[TIERS]; /* 0: as for all */
};

struct policy {
	int64_t ns[TIERS];
	struct exception *exceptions;
	unsigned exception_count;
	char **patterns;
	unsigned pattern_count;
};

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t");
}

/* Grows a list by one element, which is zeroed. */
static void *append(void **list, unsigned *count, size_t size)
{
	char *p = realloc(*list, (*count + 1) * size);

	if (!p)
		return NULL;
	*list = p;
	memset(p + *count * size, 0, size);
	return p + (*count)++ * size;
}

/* TIER=DURATION */
static enum err read_setting(struct exception *x, const char *text, size_t len, struct errbuf *eb)
{
	for (int t = 0; t < (int)TIERS; t++) {
		const char *name = tier_name((enum tier)t);
		size_t n = strlen(name);
		if (len <= n + 1 || memcmp(text, name, n) != 0 || text[n] != '=')
			continue;
		struct view value = { text + n + 1, len - n - 1 };
		if (num_parse_duration_ns(value, &x->ns[t]) && x->ns[t] >= TIER_HOUR_NS)
			return ERR_OK;
	}
	return errbuf_set(eb, ERR_INVALID,
	    "[retention] measurements: \"%.*s\" is not understood; write cpu raw=7d 1h=365d; net raw=3d (at least 1h each)",
	    (int)len, text);
}

static enum err read_exception(struct policy *p, const char *text, size_t len, struct errbuf *eb)
{
	const char *end = text + len;
	size_t n = 0;
	enum err e = ERR_OK;

	while (text + n < end && text[n] != ' ' && text[n] != '\t')
		n++;
	if (n == 0)
		return ERR_OK;
	struct exception *x = append((void **)&p->exceptions, &p->exception_count, sizeof *x);
	if (!x || !(x->name = strndup(text, n)))
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	for (text = skip_blanks(text + n); e == ERR_OK && text < end; text = skip_blanks(text + n)) {
		for (n = 0; text + n < end && text[n] != ' ' && text[n] != '\t'; n++) {
		}
		e = read_setting(x, text, n, eb);
	}
	return e;
}

static enum err read_exceptions(struct policy *p, const char *text, struct errbuf *eb)
{
	enum err e = ERR_OK;

	for (text = skip_blanks(text); e == ERR_OK && *text; text = skip_blanks(text)) {
		size_t n = strcspn(text, ";");
		e = read_exception(p, text, n, eb);
		text += n + (text[n] == ';');
	}
	return e;
}

static enum err read_patterns(struct policy *p, const char *text, struct errbuf *eb)
{
	for (text = skip_blanks(text); *text; text = skip_blanks(text)) {
		size_t n = strcspn(text, ", \t");
		if (n && !memchr(text, '.', n))
			return errbuf_set(eb, ERR_INVALID,
			    "[retention] sketches: \"%.*s\" is not MEASUREMENT.FIELD; write service_performance.duration_ms*",
			    (int)n, text);
		char **slot = n ? append((void **)&p->patterns, &p->pattern_count, sizeof *slot) : NULL;
		if (n && (!slot || !(*slot = strndup(text, n))))
			return errbuf_set(eb, ERR_NOMEM, "out of memory");
		text += n + (text[n] == ',');
	}
	return ERR_OK;
}

/* A coarser tier must not go before the finer one it stands in for. */
static enum err check_order(const char *of, const int64_t ns[TIERS], struct errbuf *eb)
{
	for (int t = 1; t < (int)TIERS; t++) {
		const char *finer = tier_name((enum tier)(t - 1)), *coarser = tier_name((enum tier)t);
		double days[] = { (double)ns[t - 1] / TIER_DAY_NS, (double)ns[t] / TIER_DAY_NS };
		if (ns[t] < ns[t - 1])
			return errbuf_set(eb, ERR_INVALID,
			    "[retention]%s: %s is kept for %g days, longer than %s with %g (maybe by default); set %s = %.0fd or more",
			    of, finer, days[0], coarser, days[1], coarser, ceil(days[0]));
	}
	return ERR_OK;
}

static enum err check(const struct policy *p, struct errbuf *eb)
{
	enum err e = check_order("", p->ns, eb);

	for (unsigned i = 0; e == ERR_OK && i < p->exception_count; i++) {
		char of[NAME_BYTES];
		int64_t ns[TIERS];
		for (int t = 0; t < (int)TIERS; t++)
			ns[t] = p->exceptions[i].ns[t] ? p->exceptions[i].ns[t] : p->ns[t];
		snprintf(of, sizeof of, " measurements, %.200s", p->exceptions[i].name);
		e = check_order(of, ns, eb);
	}
	return e;
}

enum err policy_new(struct policy **out, const struct config *c, struct errbuf *eb)
{
	struct policy *p = calloc(1, sizeof *p);

	*out = NULL;
	if (!p)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	p->ns[TIER_RAW] = c->retention.raw_ns;
	p->ns[TIER_1M] = c->retention.minutes_ns;
	p->ns[TIER_1H] = c->retention.hours_ns;
	p->ns[TIER_1D] = c->retention.days_ns;
	enum err e = read_exceptions(p, c->retention.measurements, eb);
	if (e == ERR_OK)
		e = read_patterns(p, c->retention.sketches, eb);
	if (e == ERR_OK)
		e = check(p, eb);
	if (e != ERR_OK) {
		policy_free(p);
		return e;
	}
	*out = p;
	return ERR_OK;
}

void policy_free(struct policy *p)
{
	if (!p)
		return;
	for (unsigned i = 0; i < p->exception_count; i++)
		free(p->exceptions[i].name);
	for (unsigned i = 0; i < p->pattern_count; i++)
		free(p->patterns[i]);
	free(p->exceptions);
	free(p->patterns);
	free(p);
}

int64_t policy_retention_ns(void *policy, enum tier tier, struct view measurement)
{
	const struct policy *p = policy;

	for (unsigned i = 0; i < p->exception_count; i++)
		if (p->exceptions[i].ns[tier] && view_is(measurement, p->exceptions[i].name))
			return p->exceptions[i].ns[tier];
	return p->ns[tier];
}

int64_t policy_longest_raw_ns(const struct policy *p)
{
	int64_t most = p->ns[TIER_RAW];

	for (unsigned i = 0; i < p->exception_count; i++)
		if (p->exceptions[i].ns[TIER_RAW] > most)
			most = p->exceptions[i].ns[TIER_RAW];
	return most;
}

bool policy_has_exceptions(const struct policy *p)
{
	return p->exception_count > 0;
}

bool policy_is_sketched(void *policy, struct view measurement, struct view field)
{
	const struct policy *p = policy;
	char name[2 * NAME_BYTES];

	if (measurement.len + field.len + 2 > sizeof name)
		return false;
	snprintf(name, sizeof name, "%.*s.%.*s", (int)measurement.len, measurement.p, (int)field.len, field.p);
	for (unsigned i = 0; i < p->pattern_count; i++)
		if (fnmatch(p->patterns[i], name, 0) == 0)
			return true;
	return false;
}
