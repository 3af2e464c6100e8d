#include "flow/answer.h"

static bool says(struct view body, const char *words)
{
	return body.len && memmem(body.p, body.len, words, strlen(words));
}

enum answer answer_of(int status, struct view body)
{
	if (status >= 200 && status <= 299)
		return ANSWER_DELIVERED;
	if (says(body, "partial write") || says(body, "field type conflict") || says(body, "unable to parse") ||
	    says(body, "points beyond retention policy"))
		return ANSWER_REFUSED;
	if (says(body, "retention policy not found"))
		return ANSWER_HELD;
	if (status == 404 && says(body, "database not found"))
		return ANSWER_NO_DATABASE;
	if (status == 413)
		return ANSWER_TOO_LARGE;
	if (status == 0 || status == 408 || status == 429 || status >= 500)
		return ANSWER_RETRY;
	if (status == 400 || status == 422)
		return ANSWER_REFUSED;
	return ANSWER_HELD;
}
