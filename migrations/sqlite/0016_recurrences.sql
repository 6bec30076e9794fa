-- How the pattern of a series is written: 0 as clients sent it, 1 canonically. The server rewrites what is left behind.
ALTER TABLE events ADD COLUMN recurrence_form INTEGER NOT NULL DEFAULT 0;
CREATE INDEX events_recurrence_form ON events (id) WHERE recurrence IS NOT NULL AND recurrence_form < 1;
-- When the first occurrence of a series begins, where one was moved before the start; otherwise it is the start.
ALTER TABLE events ADD COLUMN series_starts_at TEXT;
UPDATE events SET series_starts_at = (SELECT min(x.starts_at) FROM event_exceptions x WHERE x.event_id = events.id
    AND x.status = 'ok' AND x.starts_at < events.starts_at) WHERE recurrence IS NOT NULL;
