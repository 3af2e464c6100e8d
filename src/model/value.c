#include "model/value.h"

const char *value_type_name(enum value_type t)
{
	static const char *const names[] = { "float", "integer", "unsigned", "boolean", "string" };

	return names[t];
}
