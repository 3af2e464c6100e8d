-- Which pieces there are, where they lie and what they span is asked by every read: the index answers without their rows,
-- each of which lies in a page of its own.
DROP INDEX piece_place;
CREATE INDEX piece_place ON piece (measurement, tier, window, id, first_ordinal, last_ordinal, min_ns, max_ns, points);
