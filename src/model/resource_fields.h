/* Which fields of `system_resources` are counters: they only rise, until a restart. */
#ifndef MODEL_RESOURCE_FIELDS_H
#define MODEL_RESOURCE_FIELDS_H

#include <stdbool.h>

bool resource_field_is_counter(const char *resource_type, const char *field);

#endif
