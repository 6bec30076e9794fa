-- Appends a batch. KEYS: claim, journal, snapshot, gone. ARGV: nonce, number, hash, life in ms, bytes.
if redis.call('EXISTS', KEYS[4]) == 1 then return {'gone'} end
local known = redis.call('HMGET', KEYS[1], 'nonce', 'last', 'hash')
if not known[1] then return {'lost'} end
if known[1] ~= ARGV[1] then return {'fenced', known[1]} end
local last, number = tonumber(known[2] or '0'), tonumber(ARGV[2])
if last == number and known[3] == ARGV[3] then return {'done'} end
if last + 1 < number then return {'behind', last} end
if last + 1 > number then return {'ahead'} end
redis.call('RPUSH', KEYS[2], ARGV[5])
redis.call('HSET', KEYS[1], 'last', ARGV[2], 'hash', ARGV[3], 'vain', 0)
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
redis.call('PEXPIRE', KEYS[3], ARGV[4])
return {'done'}
