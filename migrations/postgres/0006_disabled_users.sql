-- Those whom an operator has locked out: servers read all of them every few seconds.
CREATE INDEX users_disabled ON users (id) WHERE disabled_at IS NOT NULL;
