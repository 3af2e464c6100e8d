#include "base/num.h"
#include "query/influxql/literal.h"
#include "query/influxql/parser_part.h"

static bool parse_name_on(struct iql_parser *p, struct iql_statement *s)
{
	return iql_expect_ident(p, &s->name) && iql_expect(p, TOK_ON) && iql_expect_ident(p, &s->database);
}

/* A duration, or INF: 0. */
static bool parse_span(struct iql_parser *p, int64_t *ns)
{
	struct iql_token t = iql_take_solid(p);
	struct view part;

	*ns = 0;
	if (t.kind == TOK_INF)
		return true;
	if (t.kind != TOK_DURATION)
		return iql_refuse_token(p, &t, "duration");
	if (iql_duration_parse(t.text, ns, &part))
		return true;
	if (part.len == 0)
		return iql_refuse_at(p, t.pos, "invalid duration");
	return iql_refuse_at(p, t.pos, "overflowed duration %.*s: choose a smaller duration or INF",
	    (int)view_cut(part, IQL_SHOWN_MAX), part.p);
}

static bool parse_replication(struct iql_parser *p, int64_t *out)
{
	struct iql_token t = iql_take_solid(p);

	if (t.kind != TOK_INTEGER)
		return iql_refuse_token(p, &t, "integer");
	if (!num_parse_i64(iql_digits(t.text), out))
		return iql_refuse_at(p, t.pos, "strconv.Atoi: parsing \"%.*s\": value out of range",
		    (int)view_cut(t.text, IQL_SHOWN_MAX), t.text.p);
	if (*out < 1 || *out > INT32_MAX)
		return iql_refuse_at(p, t.pos, "invalid value %lld: must be 1 <= n <= 2147483647", (long long)*out);
	return true;
}

/* ---- databases and retention policies ---- */

/* [DURATION] [REPLICATION] [SHARD DURATION] [NAME] */
static bool parse_policy_options(struct iql_parser *p, struct iql_policy *r)
{
	r->has_duration = iql_take_if(p, TOK_DURATION_WORD);
	if (r->has_duration && !parse_span(p, &r->duration_ns))
		return false;
	r->has_replication = iql_take_if(p, TOK_REPLICATION);
	if (r->has_replication && !parse_replication(p, &r->replication))
		return false;
	r->has_shard = iql_take_if(p, TOK_SHARD);
	if (r->has_shard && (!iql_expect(p, TOK_DURATION_WORD) || !parse_span(p, &r->shard_ns)))
		return false;
	r->has_name = iql_take_if(p, TOK_NAME);
	return !r->has_name || iql_expect_ident(p, &r->name);
}

static bool create_database(struct iql_parser *p, struct iql_statement *s)
{
	s->kind = IQL_CREATE_DATABASE;
	if (!iql_expect_ident(p, &s->name))
		return false;
	s->has_policy = iql_take_if(p, TOK_WITH);
	if (!s->has_policy)
		return true;
	struct iql_token t = iql_take_solid(p);
	iql_give_back(p);
	switch (t.kind) {
	case TOK_DURATION_WORD:
	case TOK_REPLICATION:
	case TOK_SHARD:
	case TOK_NAME:
		return parse_policy_options(p, &s->policy);
	default:
		return iql_refuse_token(p, &t, "DURATION, NAME, REPLICATION, SHARD");
	}
}

static bool create_policy(struct iql_parser *p, struct iql_statement *s)
{
	struct iql_policy *r = &s->policy;

	s->kind = IQL_CREATE_POLICY;
	r->has_duration = r->has_replication = true;
	if (!iql_expect(p, TOK_POLICY) || !parse_name_on(p, s) || !iql_expect(p, TOK_DURATION_WORD) ||
	    !parse_span(p, &r->duration_ns) || !iql_expect(p, TOK_REPLICATION) ||
	    !parse_replication(p, &r->replication))
		return false;
	r->has_shard = iql_take_if(p, TOK_SHARD);
	if (r->has_shard && (!iql_expect(p, TOK_DURATION_WORD) || !parse_span(p, &r->shard_ns)))
		return false;
	s->flag = iql_take_if(p, TOK_DEFAULT);
	return true;
}

/* One option of ALTER RETENTION POLICY; *seen tells whether it was given already. */
static bool parse_alteration(struct iql_parser *p, struct iql_statement *s, struct iql_token t, bool *seen)
{
	struct iql_policy *r = &s->policy;

	switch (t.kind) {
	case TOK_DURATION_WORD:
		*seen = r->has_duration;
		r->has_duration = true;
		return *seen || parse_span(p, &r->duration_ns);
	case TOK_REPLICATION:
		*seen = r->has_replication;
		r->has_replication = true;
		return *seen || parse_replication(p, &r->replication);
	case TOK_SHARD:
		*seen = r->has_shard;
		r->has_shard = true;
		return *seen || (iql_expect(p, TOK_DURATION_WORD) && parse_span(p, &r->shard_ns));
	default:
		*seen = s->flag;
		s->flag = true;
		return true;
	}
}

static bool alter_policy(struct iql_parser *p, struct iql_statement *s)
{
	struct iql_token t;
	bool seen;

	s->kind = IQL_ALTER_POLICY;
	if (!iql_expect(p, TOK_POLICY))
		return false;
	if (iql_take_if(p, TOK_DEFAULT))
		s->name = view_of("default");
	else if (!iql_expect_ident(p, &s->name))
		return false;
	if (!iql_expect(p, TOK_ON) || !iql_expect_ident(p, &s->database))
		return false;
	for (unsigned n = 0;; n++) {
		t = iql_take_solid(p);
		if (t.kind != TOK_DURATION_WORD && t.kind != TOK_REPLICATION && t.kind != TOK_SHARD &&
		    t.kind != TOK_DEFAULT)
			break;
		if (!parse_alteration(p, s, t, &seen))
			return false;
		if (seen)
			return iql_refuse_at(p, t.pos, "found duplicate %s option", iql_token_name(t.kind));
		if (n == 3)
			return true;
	}
	iql_give_back(p);
	if (!s->policy.has_duration && !s->policy.has_replication && !s->policy.has_shard && !s->flag)
		return iql_refuse_token(p, &t, "DURATION, REPLICATION, SHARD, DEFAULT");
	return true;
}

bool iql_parse_alter(struct iql_parser *p, struct iql_statement *s)
{
	static const struct iql_choice choices[] = { { TOK_RETENTION, alter_policy } };

	return iql_parse_choice(p, s, choices, 1);
}

/* ---- continuous queries, subscriptions ---- */

/* RESAMPLE [EVERY d] [FOR d] */
static bool parse_resample(struct iql_parser *p, struct iql_statement *s)
{
	if (iql_take_if(p, TOK_EVERY) && !parse_span(p, &s->every_ns))
		return false;
	if (p->error)
		return false;
	if (iql_take_if(p, TOK_FOR) && !parse_span(p, &s->resample_for_ns))
		return false;
	if (s->every_ns || s->resample_for_ns)
		return true;
	struct iql_token t = iql_take_solid(p);
	return iql_refuse_token(p, &t, "EVERY, FOR");
}

static bool create_continuous(struct iql_parser *p, struct iql_statement *s)
{
	s->kind = IQL_CREATE_CONTINUOUS_QUERY;
	if (!iql_expect(p, TOK_QUERY) || !parse_name_on(p, s))
		return false;
	if (iql_take_if(p, TOK_RESAMPLE) && !parse_resample(p, s))
		return false;
	if (!iql_expect(p, TOK_BEGIN) || !iql_expect(p, TOK_SELECT))
		return false;
	s->select = iql_parse_select(p, IQL_INTO_REQUIRED);
	return s->select && iql_expect(p, TOK_END);
}

/* name ON database.policy */
static bool parse_subscription(struct iql_parser *p, struct iql_statement *s)
{
	if (!parse_name_on(p, s))
		return false;
	struct iql_token t = iql_take(p);
	if (t.kind != TOK_DOT)
		return iql_refuse_token(p, &t, ".");
	return iql_expect_ident(p, &s->policy_name);
}

/* DESTINATIONS ALL | ANY 'a', 'b': host holds the mode. */
static bool create_subscription(struct iql_parser *p, struct iql_statement *s)
{
	struct iql_word **end = &s->keys;

	s->kind = IQL_CREATE_SUBSCRIPTION;
	if (!parse_subscription(p, s) || !iql_expect(p, TOK_DESTINATIONS))
		return false;
	struct iql_token t = iql_take_solid(p);
	if (t.kind != TOK_ALL && t.kind != TOK_ANY)
		return iql_refuse_token(p, &t, "ALL, ANY");
	s->host = view_of(iql_token_name(t.kind));
	do {
		struct iql_word *w = IQL_NEW(p, struct iql_word);
		if (!w || !iql_expect_string(p, &w->text))
			return false;
		*end = w;
		end = &w->next;
	} while (iql_take_if(p, TOK_COMMA));
	return true;
}

/* ---- users ---- */

/* name WITH PASSWORD 'secret' [WITH ALL PRIVILEGES] */
static bool create_user(struct iql_parser *p, struct iql_statement *s)
{
	s->kind = IQL_CREATE_USER;
	if (!iql_expect_ident(p, &s->name) || !iql_expect(p, TOK_WITH) || !iql_expect(p, TOK_PASSWORD) ||
	    !iql_expect_string(p, &s->secret))
		return false;
	s->flag = iql_take_if(p, TOK_WITH);
	return !s->flag || (iql_expect(p, TOK_ALL) && iql_expect(p, TOK_PRIVILEGES));
}

/* READ | WRITE | ALL [PRIVILEGES] ON database, or ALL [PRIVILEGES]; then TO or FROM a user. */
static bool parse_privilege(struct iql_parser *p, struct iql_statement *s, enum iql_token_kind to, bool grants)
{
	struct iql_token t = iql_take_solid(p);

	if (t.kind != TOK_READ && t.kind != TOK_WRITE && t.kind != TOK_ALL)
		return iql_refuse_token(p, &t, "READ, WRITE, ALL [PRIVILEGES]");
	s->kind = grants ? IQL_GRANT : IQL_REVOKE;
	s->privilege = t.kind == TOK_READ ? IQL_READ : t.kind == TOK_WRITE ? IQL_WRITE : IQL_ALL;
	if (t.kind == TOK_ALL) {
		iql_take_if(p, TOK_PRIVILEGES);
		t = iql_take_solid(p);
		iql_give_back(p);
		if (t.kind == to) {
			s->kind = grants ? IQL_GRANT_ADMIN : IQL_REVOKE_ADMIN;
		} else if (t.kind != TOK_ON) {
			return iql_refuse_token(p, &t, grants ? "ON, TO" : "ON, FROM");
		}
	}
	if ((s->kind == IQL_GRANT || s->kind == IQL_REVOKE) &&
	    (!iql_expect(p, TOK_ON) || !iql_expect_ident(p, &s->database)))
		return false;
	return iql_expect(p, to) && iql_expect_ident(p, &s->name);
}

bool iql_parse_grant(struct iql_parser *p, struct iql_statement *s)
{
	return parse_privilege(p, s, TOK_TO, true);
}

bool iql_parse_revoke(struct iql_parser *p, struct iql_statement *s)
{
	return parse_privilege(p, s, TOK_FROM, false);
}

bool iql_parse_create(struct iql_parser *p, struct iql_statement *s)
{
	static const struct iql_choice choices[] = {
		{ TOK_CONTINUOUS, create_continuous },
		{ TOK_DATABASE, create_database },
		{ TOK_USER, create_user },
		{ TOK_RETENTION, create_policy },
		{ TOK_SUBSCRIPTION, create_subscription },
	};

	return iql_parse_choice(p, s, choices, sizeof choices / sizeof *choices);
}

/* ---- DROP ---- */

static bool drop_continuous(struct iql_parser *p, struct iql_statement *s)
{
	s->kind = IQL_DROP_CONTINUOUS_QUERY;
	return iql_expect(p, TOK_QUERY) && parse_name_on(p, s);
}

static bool drop_database(struct iql_parser *p, struct iql_statement *s)
{
	s->kind = IQL_DROP_DATABASE;
	return iql_expect_ident(p, &s->name);
}

static bool drop_measurement(struct iql_parser *p, struct iql_statement *s)
{
	s->kind = IQL_DROP_MEASUREMENT;
	return iql_expect_ident(p, &s->name);
}

static bool drop_policy(struct iql_parser *p, struct iql_statement *s)
{
	s->kind = IQL_DROP_POLICY;
	return iql_expect(p, TOK_POLICY) && parse_name_on(p, s);
}

static bool drop_series(struct iql_parser *p, struct iql_statement *s)
{
	s->kind = IQL_DROP_SERIES;
	return iql_parse_what_to_delete(p, s);
}

static bool drop_shard(struct iql_parser *p, struct iql_statement *s)
{
	s->kind = IQL_DROP_SHARD;
	return iql_parse_number(p, &s->number);
}

static bool drop_subscription(struct iql_parser *p, struct iql_statement *s)
{
	s->kind = IQL_DROP_SUBSCRIPTION;
	return parse_subscription(p, s);
}

static bool drop_user(struct iql_parser *p, struct iql_statement *s)
{
	s->kind = IQL_DROP_USER;
	return iql_expect_ident(p, &s->name);
}

bool iql_parse_drop(struct iql_parser *p, struct iql_statement *s)
{
	static const struct iql_choice choices[] = {
		{ TOK_CONTINUOUS, drop_continuous },
		{ TOK_DATABASE, drop_database },
		{ TOK_MEASUREMENT, drop_measurement },
		{ TOK_RETENTION, drop_policy },
		{ TOK_SERIES, drop_series },
		{ TOK_SHARD, drop_shard },
		{ TOK_SUBSCRIPTION, drop_subscription },
		{ TOK_USER, drop_user },
	};

	return iql_parse_choice(p, s, choices, sizeof choices / sizeof *choices);
}
