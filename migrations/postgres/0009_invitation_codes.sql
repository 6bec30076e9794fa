-- By which the owner of an invited address comes in as a guest. It is kept as it is: each mail shows it again.
ALTER TABLE event_invites ADD COLUMN invite_code uuid CHECK (invite_code IS NULL OR email IS NOT NULL);
UPDATE event_invites SET invite_code = gen_random_uuid() WHERE email IS NOT NULL;
CREATE UNIQUE INDEX event_invites_invite_code ON event_invites (invite_code);
