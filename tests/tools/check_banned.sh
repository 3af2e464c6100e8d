#!/bin/sh
# Functions that have a better one: bounded, reentrant, independent of the locale.
cd "${SRCDIR:-.}" || exit 99
echo 1..1
bad=$(grep -nwE '(strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|atof|strtok|gmtime|localtime|asctime|ctime|rand|srand|mktemp|tmpnam|alloca) *\(' -r src --include='*.[ch]')
[ -z "$bad" ] && echo "ok 1 - no banned function" || { echo "not ok 1 - no banned function"; echo "$bad" | sed 's/^/# /'; }
