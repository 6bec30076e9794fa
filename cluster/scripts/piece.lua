-- Stages a piece of a snapshot, behind the name of that. KEYS: claim, staged, gone. ARGV: nonce, index from 0, life in ms, name, bytes.
if redis.call('EXISTS', KEYS[3]) == 1 then return {'gone'} end
local nonce = redis.call('HGET', KEYS[1], 'nonce')
if not nonce then return {'lost'} end
if nonce ~= ARGV[1] then return {'fenced', nonce} end
local index = tonumber(ARGV[2])
if index == 0 then
    redis.call('DEL', KEYS[2])
    redis.call('RPUSH', KEYS[2], ARGV[4])
end
if redis.call('LLEN', KEYS[2]) ~= index + 1 or redis.call('LINDEX', KEYS[2], 0) ~= ARGV[4] then return {'again'} end
redis.call('RPUSH', KEYS[2], ARGV[5])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return {'done'}
