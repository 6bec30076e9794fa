-- Makes the staged pieces the log up to a batch. KEYS: claim, staged, snapshot, journal, gone. ARGV: nonce, number of the batch, pieces,
-- name of these pieces, life in ms.
if redis.call('EXISTS', KEYS[5]) == 1 then return {'gone'} end
local known = redis.call('HMGET', KEYS[1], 'nonce', 'snapshot', 'last')
if not known[1] then return {'lost'} end
if known[1] ~= ARGV[1] then return {'fenced', known[1]} end
if known[2] == ARGV[4] then return {'done'} end
if tonumber(known[3] or '0') > tonumber(ARGV[2]) then return {'ahead'} end
if redis.call('LLEN', KEYS[2]) ~= tonumber(ARGV[3]) + 1 or redis.call('LINDEX', KEYS[2], 0) ~= ARGV[4] then return {'again'} end
redis.call('LPOP', KEYS[2])
redis.call('RENAME', KEYS[2], KEYS[3])
redis.call('DEL', KEYS[4])
redis.call('HSET', KEYS[1], 'last', ARGV[2], 'hash', '', 'snapshot', ARGV[4], 'vain', 0)
redis.call('PEXPIRE', KEYS[1], ARGV[5])
redis.call('PEXPIRE', KEYS[3], ARGV[5])
return {'done'}
