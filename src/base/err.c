#include "base/err.h"

#include <stdio.h>
#include <string.h>

#include "base/view.h"

const char *err_name(enum err e)
{
	static const char *const names[] = {
		[ERR_OK] = "ok",
		[ERR_INVALID] = "invalid",
		[ERR_NOTFOUND] = "not found",
		[ERR_EXISTS] = "exists",
		[ERR_TOOBIG] = "too big",
		[ERR_FULL] = "full",
		[ERR_UNAVAILABLE] = "unavailable",
		[ERR_IO] = "input/output error",
		[ERR_CORRUPT] = "corrupt",
		[ERR_NOMEM] = "out of memory",
		[ERR_CLOSED] = "closed",
	};

	return (unsigned)e < sizeof names / sizeof *names ? names[e] : "unknown";
}

enum err errbuf_vset(struct errbuf *eb, enum err e, const char *fmt, va_list ap)
{
	static const char cut[] = "…";

	if (!eb)
		return e;
	int n = vsnprintf(eb->text, sizeof eb->text, fmt, ap);
	if (n < 0)
		eb->text[0] = 0;
	else if ((size_t)n >= sizeof eb->text)
		memcpy(eb->text + view_cut((struct view){ eb->text, sizeof eb->text }, sizeof eb->text - sizeof cut),
		    cut, sizeof cut);
	return e;
}

enum err errbuf_set(struct errbuf *eb, enum err e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	e = errbuf_vset(eb, e, fmt, ap);
	va_end(ap);
	return e;
}
