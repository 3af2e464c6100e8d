#!/bin/sh
# The simulation behind docs/scaling.md: what the pace is for shows without it, and is gone with it.
. "$SRCDIR/tests/integration/lib.sh"

"$BUILDDIR/tests/bench/herd" --list > "$T/runs"
ok "the simulation runs"
# limit | name | recovered s | wasted % | most waiting | time-outs | 503 | late s p50 | p99
of() { awk -F'|' -v limit="$1" -v name="$2" -v n="$3" '$1 == limit && index($2, name) == 1 { print $n }' "$T/runs"; }
below() { awk -v have="$1" -v most="$2" 'BEGIN { exit !(have != "" && have != "never" && have + 0 <= most) }'; }
sed 's/^/# /' "$T/runs"

! below "$(of 0 'again after 1 s' 4)" 50
ok "senders that just try again keep a server busy with work for nothing"
! below "$(of 0 'back-off with jitter' 9)" 60
ok "jitter alone leaves the newest points waiting"
! below "$(of 256 'the same, Retry-After to the letter' 3)" 3600
ok "whoever comes back to the letter of Retry-After meets all others again"
# 36 million points at 200,000 a second less what is new: 190 s
best='pace, jitter also after Retry-After, whole bodies'
below "$(of 0 "$best" 3)" 380
ok "with all of it the backlog is delivered in less than twice the time that it takes at best"
below "$(of 0 "$best" 4)" 0
ok "the server does nothing twice"
below "$(of 0 "$best" 9)" 10
ok "and the newest points are there within one interval"
below "$(of 256 "$best" 3)" 380
ok "also where the server refuses what it cannot take at once"
below "$(of 256 "$best" 9)" 20
ok "within two intervals"
finish
