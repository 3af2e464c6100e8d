/* Between the two halves of store.h. */
#ifndef STORE_STORE_INTERNAL_H
#define STORE_STORE_INTERNAL_H

#include "store/store.h"

/* sql/store/0001-initial.sql says what the bits are. */
static inline int64_t block_id(enum tier tier, int64_t window, uint32_t measurement, uint32_t ordinal, unsigned part)
{
	return (int64_t)tier << 61 | window << 41 | (int64_t)measurement << 27 | (int64_t)ordinal << 7 | (int64_t)part;
}

static inline uint32_t block_id_ordinal(int64_t id)
{
	return (uint32_t)(id >> 7) & ((1u << 20) - 1);
}

static inline uint32_t block_id_measurement(int64_t id)
{
	return (uint32_t)(id >> 27) & ((1u << 14) - 1);
}

static inline int64_t block_id_window(int64_t id)
{
	return id >> 41 & (STORE_WINDOWS_MAX - 1);
}

/* On somebody's connection, which stays theirs; without one nothing but detach and close may be asked of it. */
NODISCARD enum err store_reader_new(struct store_reader **out, struct errbuf *eb);
NODISCARD enum err store_reader_attach(struct store_reader *r, sqlite3 *db, struct errbuf *eb);
void store_reader_detach(struct store_reader *r);
/* Closes the open blob, so that its row may change. */
void store_reader_let_go(struct store_reader *r);

#endif
