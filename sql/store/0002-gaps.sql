CREATE TABLE gap ( -- What the store has lost, or may have lost. Answers that touch it say so.
	id      INTEGER PRIMARY KEY,
	at_ns   INTEGER NOT NULL,	-- when it was found; wall clock. That of a file that was set aside
	tier    INTEGER NOT NULL,	-- 0 to 3; -1: any
	from_ns INTEGER NOT NULL,	-- of timestamps; both ends may be lost
	to_ns   INTEGER NOT NULL,
	points  INTEGER NOT NULL,	-- about; 0: not known (yet)
	cause   TEXT NOT NULL
	-- Pieces with an id below 0 come from elsewhere: they lose against all blocks and pieces that were there before them,
	-- and so does each against the ones above it.
) STRICT;
