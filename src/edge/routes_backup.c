/* GET /api/v1/backup: flow/backup's archive, sent as it is made. */
#include <stdio.h>

#include "edge/routes_internal.h"

static void refuse(struct http_request *rq, enum err e, const char *why)
{
	switch (e) {
	case ERR_EXISTS:
		http_fail(rq, 409, "conflict", "one runs at a time; try again when it has ended", "%s", why);
		break;
	case ERR_UNAVAILABLE:
		http_fail(rq, 503, "unavailable", "end what reads the file, or try again", "%s", why);
		break;
	case ERR_FULL:
	case ERR_CLOSED:
	case ERR_NOMEM:
		http_fail(rq, 503, "unavailable", NULL, "%s", why);
		break;
	default:
		http_fail(rq, 500, "internal", NULL, "%s", why);
		break;
	}
}

static void send_archive(struct http_request *rq, struct backup *b)
{
	struct view piece;
	struct errbuf eb = { "" };
	enum err e = ERR_OK;
	http_add_header(rq, "Content-Disposition", "attachment; filename=\"holdfast-backup.tar\"");
	bool sent = http_stream_begin(rq, 200, "application/x-tar");

	while (sent && (e = backup_next(b, &piece, &eb)) == ERR_OK)
		sent = http_stream_write(rq, piece);
	if (!sent)
		errbuf_set(&eb, ERR_IO, "the client went away or was too slow, or the daemon stopped");
	bool whole = sent && e == ERR_NOTFOUND;
	/* before the last byte: who has it finds the result */
	backup_end(b, whole ? NULL : eb.text);
	http_stream_end(rq, whole);
}

void routes_backup(struct http_request *rq, void *arg)
{
	struct services *s = arg;
	struct errbuf eb = { "" };
	uint64_t size = 0;
	char text[24];

	if (!s->backup) {
		http_fail(rq, 503, "unavailable", NULL, "there is no store");
		return;
	}
	if (http_method(rq) == HTTP_HEAD) { /* no need to hold anything */
		bool body = http_stream_begin(rq, 200, "application/x-tar");
		http_stream_end(rq, !body);
		return;
	}
	enum err e = backup_begin(s->backup, &size, &eb);
	if (e != ERR_OK) {
		refuse(rq, e, eb.text);
		return;
	}
	snprintf(text, sizeof text, "%llu", (unsigned long long)size);
	http_add_header(rq, "X-Holdfast-Size", text);
	send_archive(rq, s->backup);
}
