-- What clocks would have shown at the first occurrence of a series, where they skip it: the other ones are at that time of day.
ALTER TABLE events ADD COLUMN starts_at_skipped timestamp;
