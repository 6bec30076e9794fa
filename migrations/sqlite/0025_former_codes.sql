-- The code by which guests came in before the invited address became a user's: their tokens outlive it.
ALTER TABLE event_invites ADD COLUMN former_code BLOB;
