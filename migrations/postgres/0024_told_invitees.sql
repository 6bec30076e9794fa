-- Whether a mail about the event has reached the invitee: of an end hears who has heard of the beginning. Of those who were
-- invited before nobody knows.
ALTER TABLE event_invites ADD COLUMN told boolean NOT NULL DEFAULT TRUE;
-- Whose invitation a mail is about.
ALTER TABLE outbox ADD COLUMN invite_id uuid;
