-- The log of a room. KEYS: claim, journal, snapshot.
return {redis.call('HGET', KEYS[1], 'last') or '0', redis.call('LRANGE', KEYS[3], 0, -1), redis.call('LRANGE', KEYS[2], 0, -1)}
