/* Expressions over cells. The tables hold what InfluxDB 1.6.7 answered for three points of a measurement ev:
 *
 *   ev,h=a i=7i,j=2i,f=2.5,g=0.0,z=0i,b=true,c=false,s="ab",m=-7i
 *   ev,h=b i=3i,f=-1.5
 *   ev     i=9223372036854775807i,j=-1i,s="x"
 *
 * but abs() of a negative integer, which stays negative there. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "query/influxql/check.h"
#include "query/influxql/parser.h"
#include "query/select/eval.h"

enum { ROWS = 3 };

static const struct {
	const char *name;
	enum cell_type type;
	bool is_tag;
	struct cell of[ROWS];
} columns[] = {
#define I(n) \
	{ \
		.type = CELL_INTEGER, .i = n \
	}
#define F(n) \
	{ \
		.type = CELL_FLOAT, .f = n \
	}
#define B(n) \
	{ \
		.type = CELL_BOOLEAN, .b = n \
	}
#define S(n) \
	{ \
		.type = CELL_STRING, .s = { n, sizeof n - 1 } \
	}
#define NONE \
	{ \
		.type = CELL_NULL \
	}
	{ "h", CELL_STRING, true, { S("a"), S("b"), NONE } },
	{ "i", CELL_INTEGER, false, { I(7), I(3), I(INT64_MAX) } },
	{ "j", CELL_INTEGER, false, { I(2), NONE, I(-1) } },
	{ "f", CELL_FLOAT, false, { F(2.5), F(-1.5), NONE } },
	{ "g", CELL_FLOAT, false, { F(0.0), NONE, NONE } },
	{ "z", CELL_INTEGER, false, { I(0), NONE, NONE } },
	{ "b", CELL_BOOLEAN, false, { B(true), NONE, NONE } },
	{ "c", CELL_BOOLEAN, false, { B(false), NONE, NONE } },
	{ "s", CELL_STRING, false, { S("ab"), NONE, S("x") } },
	{ "m", CELL_INTEGER, false, { I(-7), NONE, NONE } },
	{ "nosuch", CELL_NULL, false, { NONE, NONE, NONE } },
};
enum { COLUMNS = sizeof columns / sizeof *columns };

static struct arena arena;
static struct errbuf eb;

static void start(void)
{
	arena_init(&arena, 1 << 14, 1 << 26);
}

static void stop(void)
{
	arena_fini(&arena);
}

TestSuite(eval, .init = start, .fini = stop);

/* ---- from text to an expression as the executor has it ---- */

static void set_casts(struct iql_expr *e)
{
	static const enum iql_cast casts[] = { IQL_CAST_NONE, IQL_CAST_FLOAT, IQL_CAST_INTEGER, IQL_CAST_UNSIGNED,
		IQL_CAST_BOOLEAN, IQL_CAST_STRING };

	for (int k = 0; e->kind == IQL_REF && k < COLUMNS; k++)
		if (view_is(e->text, columns[k].name))
			e->cast = (uint8_t)(columns[k].is_tag ? IQL_CAST_TAG : casts[columns[k].type]);
	struct iql_expr *part = e->kind == IQL_CALL	   ? e->call.list
	    : e->kind == IQL_CHAIN || e->kind == IQL_PAREN ? e->chain.list
							   : NULL;
	for (; part; part = part->next)
		set_casts(part);
}

static struct iql_select *select_of(const char *before, const char *text)
{
	struct iql_query query;
	char statement[512];

	snprintf(statement, sizeof statement, "%s %s", before, text);
	cr_assert_eq(iql_parse(&arena, view_of(statement), NULL, &query, &eb), ERR_OK, "%s: %s", text, eb.text);
	cr_assert_eq(iql_check_select(&arena, query.first->select, 0, &eb), ERR_OK, "%s: %s", text, eb.text);
	return query.first->select;
}

static struct iql_expr *field_of(const char *text)
{
	char with_source[400];

	snprintf(with_source, sizeof with_source, "%s FROM ev", text);
	struct iql_expr *e = select_of("SELECT", with_source)->fields->expr;
	set_casts(e);
	return e;
}

static bool find_slot(void *arg, const struct iql_expr *leaf, unsigned *slot)
{
	(void)arg;
	for (unsigned k = 0; leaf->kind == IQL_REF && k < COLUMNS; k++)
		if (view_is(leaf->text, columns[k].name)) {
			*slot = k;
			return true;
		}
	return false;
}

static struct eval *compile(const struct iql_expr *e, bool condition, bool missing_stays)
{
	const struct eval_slots slots = { find_slot, NULL, condition, missing_stays };
	struct eval *out;

	cr_assert_eq(eval_new(&out, &arena, e, &slots, &eb), ERR_OK, "%s", eb.text);
	return out;
}

/* empty_tags: as in WHERE, where a tag that is missing is "". */
static void read_row(struct cell *slots, unsigned row, bool empty_tags)
{
	for (unsigned k = 0; k < COLUMNS; k++) {
		slots[k] = columns[k].of[row];
		if (empty_tags && columns[k].is_tag && slots[k].type == CELL_NULL)
			slots[k] = (struct cell){ .type = CELL_STRING, .s = { "", 0 } };
	}
}

/* ---- values ---- */

static bool is_text(struct cell c, const char *want)
{
	char text[64];

	switch (c.type) {
	case CELL_NULL:
		return strcmp(want, "-") == 0;
	case CELL_FLOAT: /* the last digit of functions depends on the library */
		if (isnan(c.f))
			return strcmp(want, "-") == 0;
		return *want != '-' || want[1]
		    ? fabs(c.f - strtod(want, NULL)) <= 1e-14 * fabs(c.f) && strcspn(want, "tf\"") == strlen(want)
		    : false;
	case CELL_INTEGER:
		snprintf(text, sizeof text, "%lld", (long long)c.i);
		return strcmp(text, want) == 0;
	case CELL_BOOLEAN:
		return strcmp(want, c.b ? "true" : "false") == 0;
	default:
		return false;
	}
}

static const struct {
	const char *text, *want[ROWS];
} values[] = {
	{ "i / j", { "3.5", "-", "-9223372036854776000" } },
	{ "i / z", { "0", "-", "-" } },
	{ "f / g", { "0", "-", "-" } },
	{ "m / j", { "-3.5", "-", "-" } },
	{ "i % j", { "1", "-", "0" } },
	{ "i % z", { "0", "-", "-" } },
	{ "m % j", { "-1", "-", "-" } },
	{ "f % 2", { "0.5", "-1.5", "-" } },
	{ "f % g", { "-", "-", "-" } },
	{ "i % 2.5", { "2", "0.5", "0.5" } },
	{ "10 % f", { "0", "1", "-" } },
	{ "i + j", { "9", "-", "9223372036854775806" } },
	{ "i * j", { "14", "-", "-9223372036854775807" } },
	{ "i - j", { "5", "-", "-9223372036854775808" } },
	{ "i - j - j", { "3", "-", "-9223372036854775807" } },
	{ "i / j / j", { "1.75", "-", "9223372036854776000" } },
	{ "i * j % 3", { "2", "-", "-1" } },
	{ "i & j", { "2", "-", "9223372036854775807" } },
	{ "i | j", { "7", "-", "-1" } },
	{ "i ^ j", { "5", "-", "-9223372036854775808" } },
	{ "i & j | 8", { "10", "-", "9223372036854775807" } },
	{ "i + f * j", { "12", "-", "-" } },
	{ "i * 2.0", { "14", "6", "18446744073709552000" } },
	{ "2 / i", { "0.2857142857142857", "0.6666666666666666", "2.168404344971009e-19" } },
	{ "-i", { "-7", "-3", "-9223372036854775807" } },
	{ "-f", { "-2.5", "1.5", "-" } },
	{ "f + i", { "9.5", "1.5", "-" } },
	{ "i + nosuch", { "-", "-", "-" } },
	{ "nosuch + i", { "-", "-", "-" } },
	{ "f - nosuch", { "-", "-", "-" } },
	{ "b & c", { "false", "-", "-" } },
	{ "b | c", { "true", "-", "-" } },
	{ "b ^ c", { "true", "-", "-" } },
	{ "b & nosuch", { "false", "-", "-" } },
	{ "b | nosuch", { "true", "-", "-" } },
	{ "nosuch | b", { "true", "-", "-" } },
	{ "nosuch & b", { "false", "-", "-" } },
	{ "nosuch ^ b", { "true", "-", "-" } },
	{ "b & i", { "false", "-", "-" } },
	{ "b | i", { "false", "-", "-" } },
	{ "b ^ f", { "false", "-", "-" } },
	{ "b & s", { "false", "-", "-" } },
	{ "true & i", { "false", "false", "false" } },
	{ "b & 1h", { "false", "-", "-" } },
	{ "i + 1h", { "-", "-", "-" } },
	{ "(i + 1h) + 1", { "-", "-", "-" } },
	{ "f * 1h", { "-", "-", "-" } },
	{ "abs(f)", { "2.5", "1.5", "-" } },
	{ "abs(i)", { "7", "3", "9223372036854775807" } },
	{ "round(f)", { "3", "-2", "-" } },
	{ "round(i)", { "7", "3", "9223372036854775807" } },
	{ "floor(f)", { "2", "-2", "-" } },
	{ "ceil(f)", { "3", "-1", "-" } },
	{ "ceil(m)", { "-7", "-", "-" } },
	{ "round(i * 0.5)", { "4", "2", "4611686018427388000" } },
	{ "sqrt(i)", { "2.6457513110645907", "1.7320508075688772", "3037000499.97605" } },
	{ "sqrt(f)", { "1.5811388300841898", "-", "-" } },
	{ "exp(f)", { "12.182493960703473", "0.22313016014842982", "-" } },
	{ "ln(i)", { "1.9459101490553132", "1.0986122886681096", "43.66827237527655" } },
	{ "ln(f)", { "0.9162907318741551", "-", "-" } },
	{ "log2(i)", { "2.807354922057604", "1.5849625007211563", "63" } },
	{ "log10(i)", { "0.8450980400142568", "0.4771212547196624", "18.964889726830812" } },
	{ "log(i, 2)", { "2.807354922057604", "1.584962500721156", "63" } },
	{ "log(i, j)", { "2.807354922057604", "-", "-" } },
	{ "log(f, 10)", { "0.3979400086720376", "-", "-" } },
	{ "pow(i, 2)", { "49", "9", "8.507059173023462e+37" } },
	{ "pow(f, 2)", { "6.25", "2.25", "-" } },
	{ "pow(i, j)", { "49", "-", "1.0842021724855044e-19" } },
	{ "atan2(i, 2)", { "1.2924966677897851", "0.982793723247329", "1.5707963267948966" } },
	{ "atan2(f, i)", { "0.3430239404207034", "-0.4636476090008061", "-" } },
	{ "sin(f)", { "0.5984721441039564", "-0.9974949866040544", "-" } },
	{ "cos(f)", { "-0.8011436155469337", "0.0707372016677029", "-" } },
	{ "tan(f)", { "-0.7470222972386603", "-14.101419947171719", "-" } },
	{ "asin(g)", { "0", "-", "-" } },
	{ "acos(f)", { "-", "-", "-" } },
	{ "atan(i)", { "1.4288992721907325", "1.2490457723982544", "1.5707963267948966" } },
	{ "sin(s)", { "-", "-", "-" } },
	{ "sin(b)", { "-", "-", "-" } },
	{ "abs(b)", { "-", "-", "-" } },
	{ "pow(s, 2)", { "-", "-", "-" } },
	{ "pow(2, s)", { "-", "-", "-" } },
	{ "abs(i + 1h)", { "-", "-", "-" } },
	{ "f + 18446744073709551615", { "18446744073709552000", "18446744073709552000", "-" } },
	{ "i / j & 1", { "-", "-", "-" } },
	{ "pow(i, 2) & 1", { "-", "-", "-" } },
	{ "abs(i) & 1", { "1", "1", "1" } },
};

Test(eval, fields_have_the_values_that_influxdb_gives)
{
	struct cell slots[COLUMNS];

	for (size_t n = 0; n < sizeof values / sizeof *values; n++) {
		struct eval *e = compile(field_of(values[n].text), false, false);
		for (unsigned row = 0; row < ROWS; row++) {
			read_row(slots, row, false);
			struct cell c = eval_cell(e, slots);
			cr_expect(is_text(c, values[n].want[row]), "%s, row %u: type %d, %g or %lld instead of %s",
			    values[n].text, row, c.type, c.f, (long long)c.i, values[n].want[row]);
		}
		eval_free(e);
	}
}

Test(eval, abs_of_a_negative_integer_is_positive)
{
	struct eval *e = compile(field_of("abs(m)"), false, false);
	struct cell slots[COLUMNS];

	read_row(slots, 0, false);
	struct cell c = eval_cell(e, slots);
	cr_expect_eq(c.type, CELL_INTEGER);
	cr_expect_eq(c.i, 7);
	eval_free(e);
}

Test(eval, unsigned_numbers_are_compared_as_the_numbers_they_are)
{
	static const struct cell of[] = { { .type = CELL_INTEGER, .i = INT64_MIN }, { .type = CELL_INTEGER, .i = -1 },
		{ .type = CELL_INTEGER, .i = 0 }, { .type = CELL_UNSIGNED, .u = 0 }, { .type = CELL_INTEGER, .i = 1 },
		{ .type = CELL_UNSIGNED, .u = 1 }, { .type = CELL_INTEGER, .i = INT64_MAX },
		{ .type = CELL_UNSIGNED, .u = (uint64_t)INT64_MAX + 1 }, { .type = CELL_UNSIGNED, .u = UINT64_MAX } };
	static const char *const ops[] = { "=", "!=", "<", "<=", ">", ">=" };
	struct cell slots[COLUMNS];

	for (size_t n = 0; n < sizeof ops / sizeof *ops; n++) {
		char text[64];
		snprintf(text, sizeof text, "i %s j", ops[n]);
		struct eval *e = compile(select_of("SELECT i FROM ev WHERE", text)->filter, true, true);
		for (size_t x = 0; x < sizeof of / sizeof *of; x++)
			for (size_t y = 0; y < sizeof of / sizeof *of; y++) {
				__int128 a = of[x].type == CELL_INTEGER ? (__int128)of[x].i : (__int128)of[x].u;
				__int128 b = of[y].type == CELL_INTEGER ? (__int128)of[y].i : (__int128)of[y].u;
				bool want[] = { a == b, a != b, a<b, a <= b, a> b, a >= b };
				slots[1] = of[x];
				slots[2] = of[y];
				cr_expect_eq(eval_is_true(e, slots), want[n], "%s of %zu and %zu", text, x, y);
			}
		eval_free(e);
	}
}

/* ---- types ---- */

static enum cell_type type_of(void *arg, const struct iql_expr *leaf)
{
	static const enum cell_type types[] = { [IQL_CAST_FLOAT] = CELL_FLOAT,
		[IQL_CAST_INTEGER] = CELL_INTEGER,
		[IQL_CAST_BOOLEAN] = CELL_BOOLEAN,
		[IQL_CAST_STRING] = CELL_STRING,
		[IQL_CAST_TAG] = CELL_STRING };

	(void)arg;
	return leaf->kind == IQL_CALL ? CELL_FLOAT : types[leaf->cast];
}

static const struct {
	const char *text, *error;
} errors[] = {
	{ "i + b", "type error: i::integer + b::boolean: incompatible types: integer and boolean" },
	{ "i & b", "type error: i::integer & b::boolean: incompatible types: integer and boolean" },
	{ "b + b", "type error: b::boolean + b::boolean: incompatible types: boolean and boolean" },
	{ "b - 1", "type error: b::boolean - 1: incompatible types: boolean and integer" },
	{ "b * 2", "type error: b::boolean * 2: incompatible types: boolean and integer" },
	{ "b + i", "type error: b::boolean + i::integer: incompatible types: boolean and integer" },
	{ "f & i", "type error: f::float & i::integer: incompatible types: float and integer" },
	{ "f & 1", "type error: f::float & 1: incompatible types: float and integer" },
	{ "f | b", "type error: f::float | b::boolean: incompatible types: float and boolean" },
	{ "1.5 & i", "type error: 1.500 & i::integer: incompatible types: float and integer" },
	{ "1 & b", "type error: 1 & b::boolean: incompatible types: integer and boolean" },
	{ "s + s", "type error: s::string + s::string: incompatible types: string and string" },
	{ "s - s", "type error: s::string - s::string: incompatible types: string and string" },
	{ "s + 'y'", "type error: s::string + 'y': incompatible types: string and string" },
	{ "'y' + s", "type error: 'y' + s::string: incompatible types: string and string" },
	{ "s & s", "type error: s::string & s::string: incompatible types: string and string" },
	{ "s & b", "type error: s::string & b::boolean: incompatible types: string and boolean" },
	{ "i + s", "type error: i::integer + s::string: incompatible types: integer and string" },
	{ "i + j + s", "type error: i::integer + j::integer + s::string: incompatible types: integer and string" },
	{ "i + s + j", "type error: i::integer + s::string: incompatible types: integer and string" },
	{ "i - j + s - j", "type error: i::integer - j::integer + s::string: incompatible types: integer and string" },
	{ "i + s * j", "type error: s::string * j::integer: incompatible types: string and integer" },
	{ "i + (s + 1)", "type error: s::string + 1: incompatible types: string and integer" },
	{ "s + (i + j)", "type error: s::string + (i::integer + j::integer): incompatible types: string and integer" },
	{ "(i * f) + s", "type error: (i::integer * f::float) + s::string: incompatible types: float and string" },
	{ "(i / j) + s", "type error: (i::integer / j::integer) + s::string: incompatible types: integer and string" },
	{ "(i / f) & 1", "type error: (i::integer / f::float) & 1: incompatible types: float and integer" },
	{ "h + h", "type error: h::tag + h::tag: incompatible types: tag and tag" },
	{ "h + i", "type error: h::tag + i::integer: incompatible types: tag and integer" },
	{ "h & b", "type error: h::tag & b::boolean: incompatible types: tag and boolean" },
	{ "sin(h) + 1", "type error: sin(h::tag) + 1: incompatible types: tag and integer" },
	{ "abs(s) + 1", "type error: abs(s::string) + 1: incompatible types: string and integer" },
	{ "sin(s) + 1", "type error: sin(s::string) + 1: incompatible types: string and integer" },
	{ "sin(b) + 1", "type error: sin(b::boolean) + 1: incompatible types: boolean and integer" },
	{ "pow(s, i) + 1", "type error: pow(s::string, i::integer) + 1: incompatible types: string and integer" },
	{ "pow(f, i) & 1", "type error: pow(f::float, i::integer) & 1: incompatible types: float and integer" },
	{ "sin(i + s)", "type error: i::integer + s::string: incompatible types: integer and string" },
	{ "log(i, f & 1)", "type error: f::float & 1: incompatible types: float and integer" },
	{ "s - nosuch + 1", "type error: s::string - nosuch + 1: incompatible types: string and integer" },
	{ "b + nosuch - b", "type error: b::boolean + nosuch - b::boolean: incompatible types: boolean and boolean" },
	{ "-s", "type error: -1 * s::string: incompatible types: integer and string" },
	{ "2.0 * s", "type error: 2.000 * s::string: incompatible types: float and string" },
	{ "i + true", "type error: i::integer + true: incompatible types: integer and boolean" },
	{ "i + '2000-01-01'", "type error: i::integer + '2000-01-01': incompatible types: integer and string" },
	{ "i + 18446744073709551615",
	    "type error: i::integer + 18446744073709551615: cannot use + with an integer and unsigned literal" },
	{ "18446744073709551615 & i",
	    "type error: 18446744073709551615 & i::integer: cannot use & with an integer and unsigned literal" },
	{ "18446744073709551615 + s",
	    "type error: 18446744073709551615 + s::string: incompatible types: unsigned and string" },
};

Test(eval, types_that_do_not_go_together_are_refused_in_the_words_of_influxdb)
{
	for (size_t n = 0; n < sizeof errors / sizeof *errors; n++) {
		enum cell_type type;
		eb.text[0] = 0;
		cr_expect_eq(
		    eval_type(&type, field_of(errors[n].text), type_of, NULL, &eb), ERR_INVALID, "%s", errors[n].text);
		cr_expect_str_eq(eb.text, errors[n].error);
	}
}

/* Seen in how a query around them reads the column. */
Test(eval, types_are_those_that_influxdb_takes_an_expression_to_have)
{
	static const struct {
		const char *text;
		enum cell_type type;
	} types[] = { { "i / j", CELL_INTEGER }, { "i / 2", CELL_INTEGER }, { "i % j", CELL_INTEGER },
		{ "i / 2.0", CELL_FLOAT }, { "i + 1.0", CELL_FLOAT }, { "i * f", CELL_FLOAT },
		{ "b & i", CELL_BOOLEAN }, { "sin(i)", CELL_INTEGER }, { "sqrt(i)", CELL_INTEGER },
		{ "pow(i, 2)", CELL_INTEGER }, { "round(f)", CELL_FLOAT }, { "abs(s)", CELL_STRING },
		{ "i + 1h", CELL_INTEGER }, { "i + nosuch", CELL_INTEGER }, { "nosuch + f", CELL_FLOAT },
		{ "nosuch + nosuch", CELL_NULL }, { "mean(i) + i", CELL_FLOAT },
		{ "f + 18446744073709551615", CELL_FLOAT } };

	for (size_t n = 0; n < sizeof types / sizeof *types; n++) {
		enum cell_type type;
		struct iql_query query;
		char text[128];
		snprintf(text, sizeof text, "SELECT %s FROM ev", types[n].text);
		cr_assert_eq(iql_parse(&arena, view_of(text), NULL, &query, &eb), ERR_OK);
		set_casts(query.first->select->fields->expr);
		cr_expect_eq(
		    eval_type(&type, query.first->select->fields->expr, type_of, NULL, &eb), ERR_OK, "%s", eb.text);
		cr_expect_eq(type, types[n].type, "%s: %d", types[n].text, type);
	}
}

/* ---- conditions ---- */

static const struct {
	const char *text, *rows; /* over points */
	const char *of_subquery; /* the same over SELECT * FROM ev; NULL: not asked */
} conditions[] = {
	{ "i / 2 = 1", "2", "2" },
	{ "i / 2 = 3.5", "", "" },
	{ "i / 2 = 3", "1", "1" },
	{ "i / 2 > 3", "3", "3" },
	{ "i / 2.0 = 3.5", "1", "1" },
	{ "i / z = 0", "1", "1" },
	{ "f / g = 0", "1", "1" },
	{ "j / 0 = 0", "13", "13" },
	{ "i % 2 = 1", "123", "123" },
	{ "i % z = 0", "1", "1" },
	{ "m / 2 = -3", "1", "1" },
	{ "m % 4 = -3", "1", "1" },
	{ "i / j = 3", "1", "1" },
	{ "s + 'y' = 'aby'", "", "" },
	{ "b = true", "1", "1" },
	{ "b = false", "", "23" },
	{ "b != true", "", "23" },
	{ "b != false", "1", "1" },
	{ "c = false", "1", "123" },
	{ "s =~ /a/", "1", "1" },
	{ "s !~ /a/", "3", "3" },
	{ "j != 2", "3", "3" },
	{ "j = 2 OR i = 3", "12", "12" },
	{ "i = '7'", "", "" },
	{ "i = 7.0", "1", "1" },
	{ "i > 6.5", "13", "13" },
	{ "5 < i", "13", "13" },
	{ "s = 5", "", "" },
	{ "s != 5", "", "" },
	{ "s != 'ab'", "3", "3" },
	{ "s < 'b'", "", "" },
	{ "b = 1", "", "" },
	{ "b != i", "", "" },
	{ "i = b", "", "" },
	{ "b > false", "", "" },
	{ "i =~ /7/", "", "" },
	{ "i !~ /7/", "", "" },
	{ "b =~ /t/", "", "" },
	{ "i = 7ns", "", "" },
	{ "i > 1ns", "", "" },
	{ "(i > 5) = true", "13", "13" },
	{ "(i > 5) = b", "1", "12" },
	{ "(i > 5) != c", "1", "13" },
	{ "((i > 5) & true) = true", "13", "13" },
	{ "(i > 5) = 1", "", "" },
	{ "j > 0 = b", "1", "123" },
	{ "i > 2 AND j = 2", "1", "1" },
	{ "i & j = 2", "1", "1" },
	{ "(b | c) = true", "1", "1" },
	{ "(b | c) = false", "23", "23" },
	{ "(b & c) = false", "123", "123" },
	{ "(b ^ c) = false", "23", "23" },
	{ "(b & f) = false", "123", "123" },
	{ "(b = false) = false", "123", "1" },
	{ "b = (j > 100)", "", "23" },
	{ "(i > 5) = (j > 100)", "2", "2" },
	{ "sin(s) = 0", "", "" },
	{ "j = j", "13", "13" },
	{ "i > f", "12", "12" },
	{ "f % 2 = 0.5", "1", "1" },
	{ "b = true OR j = -1", "13", "13" },
	{ "i < 18446744073709551615", "123", "123" },
	{ "j < 18446744073709551615", "13", "13" },
	{ "j > 18446744073709551615", "", "" },
	{ "j != 9223372036854775808", "13", "13" },
	{ "i = 9223372036854775808", "", "" },
	{ "j + 9223372036854775808 > 0", "13", "13" },
	{ "j % 9223372036854775808 = 2", "1", "1" },
	{ "h = 'a' OR i = 3", "12", NULL },
	{ "h = '' OR i = 3", "23", NULL },
	{ "h != '' AND i = 3", "2", NULL },
	{ "h =~ /^$/ OR i = 3", "23", NULL },
	{ "h !~ /a/ OR i = 7", "123", NULL },
	{ "h = s OR i = 0", "", NULL },
	{ "s = h OR i = 0", "", NULL },
	{ "h + 'a' = 'aa' OR i = 3", "2", NULL },
	{ "sqrt(i) > 2.6", "13", NULL },
	{ "pow(i, 2) = 49", "1", NULL },
};

static void expect_rows(const char *text, const char *want, bool points)
{
	struct eval *e = compile(select_of("SELECT i FROM ev WHERE", text)->filter, true, points);
	struct cell slots[COLUMNS];
	char rows[ROWS + 1] = "";

	for (unsigned row = 0, n = 0; row < ROWS; row++) {
		read_row(slots, row, true);
		if (eval_is_true(e, slots))
			rows[n++] = (char)('1' + row);
	}
	cr_expect_str_eq(
	    rows, want, "%s of %s: rows %s instead of %s", text, points ? "points" : "a subquery", rows, want);
	eval_free(e);
}

Test(eval, conditions_pass_the_rows_that_influxdb_passes)
{
	for (size_t n = 0; n < sizeof conditions / sizeof *conditions; n++) {
		expect_rows(conditions[n].text, conditions[n].rows, true);
		if (conditions[n].of_subquery)
			expect_rows(conditions[n].text, conditions[n].of_subquery, false);
	}
}

/* ---- what cannot be compiled ---- */

static bool find_none(void *arg, const struct iql_expr *leaf, unsigned *slot)
{
	(void)arg, (void)leaf, (void)slot;
	return false;
}

Test(eval, a_leaf_without_a_slot_is_refused)
{
	const struct eval_slots slots = { .find = find_none };
	struct eval *e;

	cr_expect_eq(eval_new(&e, &arena, field_of("i + 1"), &slots, &eb), ERR_INVALID);
	cr_expect_null(e);
}

Test(eval, a_regular_expression_that_gives_up_is_told)
{
	struct eval *e = compile(
	    select_of("SELECT i FROM ev WHERE", "s =~ /^(a|aa|aaa)*(a|aa)*(a|aa)*$/")->filter, true, true);
	struct cell slots[COLUMNS];
	char text[4001];

	memset(text, 'a', sizeof text);
	text[sizeof text - 1] = 'b';
	read_row(slots, 0, true);
	cr_expect_not(eval_gave_up(e));
	slots[8] = (struct cell){ .type = CELL_STRING, .s = { text, sizeof text } };
	cr_expect_not(eval_is_true(e, slots));
	cr_expect(eval_gave_up(e));
	eval_free(e);
}
