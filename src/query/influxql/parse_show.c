#include "query/influxql/parser_part.h"

static bool parse_on(struct iql_parser *p, struct iql_statement *s)
{
	return !iql_take_if(p, TOK_ON) || iql_expect_ident(p, &s->database);
}

/* [ORDER BY] [LIMIT] [OFFSET] */
static bool parse_tail(struct iql_parser *p, struct iql_statement *s)
{
	return iql_parse_order(p, &s->order) && iql_parse_limit(p, TOK_LIMIT, &s->limits.limit) &&
	    iql_parse_limit(p, TOK_OFFSET, &s->limits.offset);
}

/* After the keywords of a …CARDINALITY statement: [ON] [FROM] [WITH KEY] [WHERE] [GROUP BY] [LIMIT] [OFFSET] */
static bool parse_with_key(struct iql_parser *p, struct iql_statement *s);
static bool parse_cardinality(struct iql_parser *p, struct iql_statement *s, enum iql_statement_kind kind)
{
	s->kind = kind;
	return parse_on(p, s) && iql_parse_from(p, &s->sources) &&
	    (kind != IQL_SHOW_TAG_VALUES_CARDINALITY || parse_with_key(p, s)) &&
	    iql_parse_condition(p, &s->condition) && iql_parse_dimensions(p, &s->dimensions) &&
	    iql_parse_limit(p, TOK_LIMIT, &s->limits.limit) && iql_parse_limit(p, TOK_OFFSET, &s->limits.offset);
}

/* EXACT CARDINALITY, or CARDINALITY: one of them is there. */
static bool expect_cardinality(struct iql_parser *p, struct iql_statement *s)
{
	struct iql_token t = iql_take_solid(p);

	s->flag = t.kind == TOK_EXACT;
	if (s->flag)
		return iql_expect(p, TOK_CARDINALITY);
	return t.kind == TOK_CARDINALITY || iql_refuse_token(p, &t, "EXACT, CARDINALITY");
}

/* ---- measurements, series ---- */

static bool parse_measurement_filter(struct iql_parser *p, struct iql_statement *s)
{
	if (!iql_take_if(p, TOK_WITH))
		return true;
	if (!iql_expect(p, TOK_MEASUREMENT))
		return false;
	struct iql_token t = iql_take_solid(p);
	if (t.kind != TOK_EQ && t.kind != TOK_MATCH)
		return iql_refuse_token(p, &t, "=, =~");
	s->source_is_equality = t.kind == TOK_EQ;
	s->sources = iql_parse_one_source(p);
	return s->sources;
}

static bool show_measurements(struct iql_parser *p, struct iql_statement *s)
{
	s->kind = IQL_SHOW_MEASUREMENTS;
	return parse_on(p, s) && parse_measurement_filter(p, s) && iql_parse_condition(p, &s->condition) &&
	    parse_tail(p, s);
}

static bool show_measurement(struct iql_parser *p, struct iql_statement *s)
{
	return expect_cardinality(p, s) && parse_cardinality(p, s, IQL_SHOW_MEASUREMENT_CARDINALITY);
}

static bool show_series(struct iql_parser *p, struct iql_statement *s)
{
	s->kind = IQL_SHOW_SERIES;
	s->flag = iql_take_if(p, TOK_EXACT);
	if (iql_take_if(p, TOK_CARDINALITY))
		return parse_cardinality(p, s, IQL_SHOW_SERIES_CARDINALITY);
	s->flag = false; /* InfluxDB takes SHOW SERIES EXACT for SHOW SERIES */
	return parse_on(p, s) && iql_parse_from(p, &s->sources) && iql_parse_condition(p, &s->condition) &&
	    parse_tail(p, s);
}

/* ---- keys and values ---- */

static bool show_field_keys(struct iql_parser *p, struct iql_statement *s)
{
	s->kind = IQL_SHOW_FIELD_KEYS;
	return parse_on(p, s) && iql_parse_from(p, &s->sources) && parse_tail(p, s);
}

static bool show_field_key(struct iql_parser *p, struct iql_statement *s)
{
	return expect_cardinality(p, s) && parse_cardinality(p, s, IQL_SHOW_FIELD_KEY_CARDINALITY);
}

static bool show_field(struct iql_parser *p, struct iql_statement *s)
{
	static const struct iql_choice choices[] = { { TOK_KEY, show_field_key }, { TOK_KEYS, show_field_keys } };

	return iql_parse_choice(p, s, choices, 2);
}

static bool show_tag_keys(struct iql_parser *p, struct iql_statement *s)
{
	s->kind = IQL_SHOW_TAG_KEYS;
	return parse_on(p, s) && iql_parse_from(p, &s->sources) && iql_parse_condition(p, &s->condition) &&
	    parse_tail(p, s) && iql_parse_limit(p, TOK_SLIMIT, &s->limits.slimit) &&
	    iql_parse_limit(p, TOK_SOFFSET, &s->limits.soffset);
}

static bool show_tag_key(struct iql_parser *p, struct iql_statement *s)
{
	return expect_cardinality(p, s) && parse_cardinality(p, s, IQL_SHOW_TAG_KEY_CARDINALITY);
}

static bool append_word(struct iql_parser *p, struct iql_word ***end, struct view text)
{
	struct iql_word *w = IQL_NEW(p, struct iql_word);

	if (!w)
		return false;
	w->text = text;
	**end = w;
	*end = &w->next;
	return true;
}

/* (a, b, c) */
static bool parse_key_list(struct iql_parser *p, struct iql_statement *s)
{
	struct iql_word **end = &s->keys;
	struct view name;

	s->keys_are_list = true;
	if (!iql_expect(p, TOK_LPAREN))
		return false;
	do {
		if (!iql_expect_ident(p, &name) || !append_word(p, &end, name))
			return false;
	} while (iql_take_if(p, TOK_COMMA));
	return iql_expect(p, TOK_RPAREN);
}

/* WITH KEY = a, != a, =~ /a/, !~ /a/, IN (a, b) */
static bool parse_with_key(struct iql_parser *p, struct iql_statement *s)
{
	struct iql_word **end = &s->keys;
	struct iql_expr *regex;
	struct view name;

	if (!iql_expect(p, TOK_WITH) || !iql_expect(p, TOK_KEY))
		return false;
	struct iql_token t = iql_take_solid(p);
	switch (t.kind) {
	case TOK_IN:
		s->key_op = IQL_EQ;
		return parse_key_list(p, s);
	case TOK_EQ:
	case TOK_NEQ:
		s->key_op = (enum iql_op)(t.kind - TOK_ADD);
		return iql_expect_ident(p, &name) && append_word(p, &end, name);
	case TOK_MATCH:
	case TOK_NOT_MATCH:
		s->key_op = (enum iql_op)(t.kind - TOK_ADD);
		if (!iql_parse_regex(p, &regex))
			return false;
		if (regex)
			return append_word(p, &end, regex->text);
		t = iql_take_solid(p);
		return iql_refuse_token(p, &t, "regex");
	default:
		return iql_refuse_token(p, &t, "IN, =, =~");
	}
}

static bool show_tag_values(struct iql_parser *p, struct iql_statement *s)
{
	s->flag = iql_take_if(p, TOK_EXACT);
	if (s->flag && !iql_expect(p, TOK_CARDINALITY))
		return false;
	if (s->flag || iql_take_if(p, TOK_CARDINALITY))
		return parse_cardinality(p, s, IQL_SHOW_TAG_VALUES_CARDINALITY);
	s->kind = IQL_SHOW_TAG_VALUES;
	return parse_on(p, s) && iql_parse_from(p, &s->sources) && parse_with_key(p, s) &&
	    iql_parse_condition(p, &s->condition) && parse_tail(p, s);
}

static bool show_tag(struct iql_parser *p, struct iql_statement *s)
{
	static const struct iql_choice choices[] = {
		{ TOK_KEY, show_tag_key },
		{ TOK_KEYS, show_tag_keys },
		{ TOK_VALUES, show_tag_values },
	};

	return iql_parse_choice(p, s, choices, 3);
}

/* ---- the server ---- */

static bool show_databases(struct iql_parser *p, struct iql_statement *s)
{
	(void)p;
	s->kind = IQL_SHOW_DATABASES;
	return true;
}

static bool show_policies(struct iql_parser *p, struct iql_statement *s)
{
	s->kind = IQL_SHOW_POLICIES;
	return iql_expect(p, TOK_POLICIES) && parse_on(p, s);
}

static bool show_continuous(struct iql_parser *p, struct iql_statement *s)
{
	s->kind = IQL_SHOW_CONTINUOUS_QUERIES;
	return iql_expect(p, TOK_QUERIES);
}

static bool parse_module(struct iql_parser *p, struct iql_statement *s)
{
	return !iql_take_if(p, TOK_FOR) || iql_expect_string(p, &s->name);
}

static bool show_diagnostics(struct iql_parser *p, struct iql_statement *s)
{
	s->kind = IQL_SHOW_DIAGNOSTICS;
	return parse_module(p, s);
}

static bool show_stats(struct iql_parser *p, struct iql_statement *s)
{
	s->kind = IQL_SHOW_STATS;
	return parse_module(p, s);
}

static bool show_grants(struct iql_parser *p, struct iql_statement *s)
{
	s->kind = IQL_SHOW_GRANTS;
	return iql_expect(p, TOK_FOR) && iql_expect_ident(p, &s->name);
}

static bool show_shard(struct iql_parser *p, struct iql_statement *s)
{
	s->kind = IQL_SHOW_SHARD_GROUPS;
	return iql_expect(p, TOK_GROUPS);
}

static bool show_queries(struct iql_parser *p, struct iql_statement *s)
{
	(void)p;
	s->kind = IQL_SHOW_QUERIES;
	return true;
}

static bool show_shards(struct iql_parser *p, struct iql_statement *s)
{
	(void)p;
	s->kind = IQL_SHOW_SHARDS;
	return true;
}

static bool show_subscriptions(struct iql_parser *p, struct iql_statement *s)
{
	(void)p;
	s->kind = IQL_SHOW_SUBSCRIPTIONS;
	return true;
}

static bool show_users(struct iql_parser *p, struct iql_statement *s)
{
	(void)p;
	s->kind = IQL_SHOW_USERS;
	return true;
}

bool iql_parse_show(struct iql_parser *p, struct iql_statement *s)
{
	static const struct iql_choice choices[] = {
		{ TOK_CONTINUOUS, show_continuous },
		{ TOK_DATABASES, show_databases },
		{ TOK_DIAGNOSTICS, show_diagnostics },
		{ TOK_FIELD, show_field },
		{ TOK_GRANTS, show_grants },
		{ TOK_MEASUREMENT, show_measurement },
		{ TOK_MEASUREMENTS, show_measurements },
		{ TOK_QUERIES, show_queries },
		{ TOK_RETENTION, show_policies },
		{ TOK_SERIES, show_series },
		{ TOK_SHARD, show_shard },
		{ TOK_SHARDS, show_shards },
		{ TOK_STATS, show_stats },
		{ TOK_SUBSCRIPTIONS, show_subscriptions },
		{ TOK_TAG, show_tag },
		{ TOK_USERS, show_users },
	};

	return iql_parse_choice(p, s, choices, sizeof choices / sizeof *choices);
}
