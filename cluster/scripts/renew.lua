-- Keeps a node's lease. KEYS: the lease. ARGV: incarnation, what it says of itself, life in ms.
local stands = redis.call('HGET', KEYS[1], 'incarnation')
if stands and stands ~= ARGV[1] then return 'taken' end
redis.call('HSET', KEYS[1], 'incarnation', ARGV[1], 'record', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
if stands then return 'kept' end
return 'made'
