/* Is the store's file whole (flow/check)? The small tables by PRAGMA quick_check, the names some at a time, then every
 * block and piece by its own checksums, the newest first, no more than 64 GiB. Answers leave out what cannot be read of
 * bad ones. Thread: hf-store-check. */
#ifndef FLOW_STORE_CHECK_H
#define FLOW_STORE_CHECK_H

#include "flow/check.h"

extern const struct check_kind store_check; /* its items: blocks and pieces */

#endif
