-- The last digits of the telephone number: the same for every way to write it.
ALTER TABLE users ADD COLUMN phone_tail TEXT;
CREATE INDEX users_phone ON users (tenant_id, phone_tail) WHERE phone_tail IS NOT NULL;
