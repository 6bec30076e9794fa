-- Stages a piece of a snapshot. KEYS: claim, staged, gone. ARGV: nonce, index from 0, life in ms, bytes.
if redis.call('EXISTS', KEYS[3]) == 1 then return {'gone'} end
local nonce = redis.call('HGET', KEYS[1], 'nonce')
if not nonce then return {'lost'} end
if nonce ~= ARGV[1] then return {'fenced', nonce} end
local index = tonumber(ARGV[2])
if index == 0 then redis.call('DEL', KEYS[2]) end
if redis.call('LLEN', KEYS[2]) ~= index then return {'again'} end
redis.call('RPUSH', KEYS[2], ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return {'done'}
