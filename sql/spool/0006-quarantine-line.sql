-- A point that is refused again, since it was sent again after a crash, is the entry that is there, not another one.

ALTER TABLE quarantine ADD COLUMN line_hash INTEGER;	-- of the line (XXH3, 64 bits); NULL: of an older version
CREATE INDEX quarantine_line ON quarantine (target, db, line_hash);
