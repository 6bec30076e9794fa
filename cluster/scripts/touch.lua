-- The room lives. KEYS: claim, journal, snapshot, gone. ARGV: nonce, life in ms.
if redis.call('EXISTS', KEYS[4]) == 1 then return {'gone'} end
local nonce = redis.call('HGET', KEYS[1], 'nonce')
if not nonce then return {'lost'} end
if nonce ~= ARGV[1] then return {'fenced', nonce} end
for i = 1, 3 do redis.call('PEXPIRE', KEYS[i], ARGV[2]) end
return {'done'}
