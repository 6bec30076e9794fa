-- A process of a node has ended. KEYS: the lease. ARGV: incarnation.
if redis.call('HGET', KEYS[1], 'incarnation') == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 'done'
