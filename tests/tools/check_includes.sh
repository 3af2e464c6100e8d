#!/bin/sh
# Data flows one way: a layer includes its own headers and those of lower layers, by their path from src/.
cd "${SRCDIR:-.}" || exit 99
layers="base model wire store query flow edge daemon"
echo 1..3
bad=
n=0
for layer in $layers; do
	n=$((n + 1))
	higher=$(echo $layers | tr ' ' '\n' | tail -n +$((n + 1)) | paste -sd'|' -)
	[ -n "$higher" ] || continue
	bad="$bad$(grep -nE "^#include \"($higher)/" -r src/$layer --include='*.[ch]')"
done
[ -z "$bad" ] && echo "ok 1 - no layer includes a higher one" || { echo "not ok 1 - no layer includes a higher one"; echo "$bad" | sed 's/^/# /'; }
bad=$(grep -nE '^#include "' -r src --include='*.[ch]' | grep -vE '#include "((base|model|wire|store|query|flow|edge|daemon|cli)/|config\.h")')
[ -z "$bad" ] && echo "ok 2 - includes are written from src/" || { echo "not ok 2 - includes are written from src/"; echo "$bad" | sed 's/^/# /'; }
bad=$(grep -nE '^#include "(base|model|wire|store|query|flow|edge|daemon)/' -r src/cli --include='*.[ch]' | grep -vE '"base/')
[ -z "$bad" ] && echo "ok 3 - the command knows only base" || { echo "not ok 3 - the command knows only base"; echo "$bad" | sed 's/^/# /'; }
