-- By which the owner of an invited address comes in as a guest. It is kept as it is: each mail shows it again.
ALTER TABLE event_invites ADD COLUMN invite_code BLOB CHECK (invite_code IS NULL OR email IS NOT NULL);
-- A random UUID (RFC 9562, section 5.4).
UPDATE event_invites SET invite_code = unhex(
    hex(randomblob(6)) || '4' || substr(hex(randomblob(2)), 2)
    || substr('89AB', 1 + (random() & 3), 1) || substr(hex(randomblob(8)), 2))
WHERE email IS NOT NULL;
CREATE UNIQUE INDEX event_invites_invite_code ON event_invites (invite_code);
