/* Between verify.c, verify_spool.c and verify_store.c. */
#ifndef STORE_VERIFY_INTERNAL_H
#define STORE_VERIFY_INTERNAL_H

#include <sqlite3.h>

#include "store/verify.h"

struct verify {
	const struct verify_sink *sink;
	struct verify_report *report;
	const char *file; /* in work: spool.db or store.db */
	sqlite3 *db;
};

/* Counts and tells; the file's name stands in front. */
void verify_fault(struct verify *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* After a step that gave neither a row nor the end: a damaged file is a fault and ERR_OK, the rest an error. */
NODISCARD enum err verify_step_failed(struct verify *v, const char *doing, struct errbuf *eb);

NODISCARD enum err verify_spool(struct verify *v, struct errbuf *eb);
NODISCARD enum err verify_store(struct verify *v, struct errbuf *eb);

#endif
