/* Is the spool's file whole (flow/check)? The small tables by PRAGMA quick_check; the rows one by one, their payload's
 * checksums too, which quick_check does not look at. Thread: hf-check. */
#ifndef FLOW_SPOOL_CHECK_H
#define FLOW_SPOOL_CHECK_H

#include "flow/check.h"

extern const struct check_kind spool_check; /* its items: rows */

#endif
