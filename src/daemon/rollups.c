#include "daemon/rollups.h"

#include <stdio.h>
#include <string.h>

#include "flow/rollup_source.h"

/* By what the record was last seen to have. */
static int64_t keeps_ns(void *arg, uint32_t db)
{
	const struct rollups *r = arg;
	const char *name = catalogue_database_name(r->catalogue, db);

	if (db == CATALOGUE_DEFAULT_DB || !name)
		name = r->config->influxdb.database;
	return provision_keeps_ns(r->provision, name);
}

enum err rollups_add(struct rollups *r, struct replicator_opts *record, struct errbuf *eb)
{
	char place[600];
	const struct rollup_source_opts opts = { .before = record->owed,
		.committer = r->committer,
		.catalogue = r->catalogue,
		.spool_path = r->spool_path,
		.store_path = record->store_path,
		.place = place,
		.late_ns = r->late_ns,
		.keeps_ns = keeps_ns,
		.arg = r };

	snprintf(place, sizeof place, "%s %s", record->url, record->database);
	record->owed = NULL; /* taken over, also where this fails */
	return rollup_source_new(&record->owed, &opts, eb);
}
