/* The write paths, which answer as InfluxDB 1.6 to 1.8 and 2.x do. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/counter.h"
#include "edge/routes_internal.h"

static const struct view empty = { "", 0 };

static int64_t precision_1x(const char *p)
{
	static const struct {
		const char *name;
		int64_t ns;
	} rows[] = { { "u", NS_PER_US }, { "us", NS_PER_US }, { "\xc2\xb5", NS_PER_US }, { "ms", NS_PER_MS },
		{ "s", NS_PER_S }, { "m", 60 * NS_PER_S }, { "h", 3600 * NS_PER_S } };

	for (size_t i = 0; p && i < sizeof rows / sizeof *rows; i++)
		if (!strcmp(p, rows[i].name))
			return rows[i].ns;
	return 1; /* also for what is unknown, as 1.x does */
}

/* 0: 2.x refuses it. */
static int64_t precision_2x(const char *p)
{
	if (!p || !*p || !strcmp(p, "ns"))
		return 1;
	if (!strcmp(p, "us") || !strcmp(p, "ms") || !strcmp(p, "s"))
		return precision_1x(p);
	return 0;
}

static bool policy_is_known(const char *rp)
{
	return !rp || !*rp || !strcmp(rp, "autogen") || !strcmp(rp, "default");
}

/* For clients that want to tell which lines these were: "3 unparsable, 17 too_old". */
static void name_refused(struct http_request *rq, const struct ingest_result *result)
{
	char text[INGEST_REFUSED_SHOWN * 48], count[24];
	size_t n = 0;

	for (unsigned i = 0; i < result->refused_count; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%llu %s", i ? ", " : "",
		    (unsigned long long)result->refused[i].line, reject_name(result->refused[i].why));
	snprintf(count, sizeof count, "%llu", (unsigned long long)result->rejected);
	http_add_header(rq, "X-Holdfast-Refused", count);
	http_add_header(rq, "X-Holdfast-Refused-Lines", text);
}

static void answer(struct http_request *rq, const struct ingest_request *in, enum err e,
    const struct ingest_result *result, const struct errbuf *eb)
{
	switch (e) {
	case ERR_OK:
		if (result->rejected == 0) {
			http_respond(rq, 204, "application/json", empty);
		} else {
			name_refused(rq, result);
			http_fail_text(
			    rq, 400, "bad_parameter", NULL, (struct view){ result->message.p, result->message.len });
		}
		break;
	case ERR_NOTFOUND:
		http_fail(rq, 404, "not_found", NULL, "database not found: \"%s\"", in->database);
		break;
	case ERR_INVALID:
	case ERR_TOOBIG:
		http_fail(rq, e == ERR_INVALID ? 400 : 413, "bad_parameter", NULL, "%s", eb->text);
		break;
	default:
		http_fail(rq, 503, "overloaded", NULL, "%s", eb->text);
	}
}

static void refuse(struct http_request *rq, int status, const char *text, const char *what)
{
	counter_add(COUNTER_REFUSED_BAD_REQUEST, 1);
	http_fail(rq, status, "bad_parameter", NULL, "%s%s", text, what);
}

static void write_lines(struct http_request *rq, const struct services *s, const char *database, int64_t precision_ns)
{
	struct ingest_request in = { .database = database, .precision_ns = precision_ns };
	struct ingest_result result;
	struct errbuf eb = { "" };

	if (http_read_body(rq, &in.body) != ERR_OK)
		return;
	ingest_result_init(&result);
	enum err e = ingest_write(s->ingest, &in, &result, &eb);
	answer(rq, &in, e, &result, &eb);
	ingest_result_fini(&result);
}

static void write_as_1x(struct http_request *rq, const struct services *s, const char *database)
{
	const char *rp = http_parameter(rq, "rp");

	if (!database || !*database)
		refuse(rq, 400, "database is required", "");
	else if (!policy_is_known(rp))
		refuse(rq, 500, "retention policy not found: ", rp);
	else
		write_lines(rq, s, database, precision_1x(http_parameter(rq, "precision")));
}

void routes_write_1x(struct http_request *rq, void *arg)
{
	write_as_1x(rq, arg, http_parameter(rq, "db"));
}

void routes_write_own(struct http_request *rq, void *arg)
{
	const char *db = http_parameter(rq, "db");

	write_as_1x(rq, arg, db && *db ? db : "metrics");
}

void routes_write_2x(struct http_request *rq, void *arg)
{
	const char *bucket = http_parameter(rq, "bucket");
	int64_t precision_ns = precision_2x(http_parameter(rq, "precision"));
	char name[256];

	if (!bucket || !*bucket) {
		refuse(rq, 400, "bucket is required", "");
		return;
	}
	const char *slash = strrchr(bucket, '/'); /* name/policy, as 1.8 maps them */
	size_t n = slash ? (size_t)(slash - bucket) : strlen(bucket);
	if (n == 0 || n >= sizeof name) {
		refuse(rq, 400, "bucket is not a database name: ", bucket);
		return;
	}
	memcpy(name, bucket, n);
	name[n] = 0;
	if (slash && !policy_is_known(slash + 1))
		refuse(rq, 404, "retention policy not found: ", slash + 1);
	else if (!precision_ns)
		refuse(rq, 400, "precision must be ns, us, ms or s, not ", http_parameter(rq, "precision"));
	else
		write_lines(rq, arg, name, precision_ns);
}
