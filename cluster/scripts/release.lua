-- The room is over: all of it goes, or is kept for post-mortem. KEYS: claim, journal, snapshot, staged, journal and snapshot put aside.
-- ARGV: nonce, life in ms of what is put aside (0: nothing is).
local nonce = redis.call('HGET', KEYS[1], 'nonce')
if not nonce then return {'lost'} end
if nonce ~= ARGV[1] then return {'fenced', nonce} end
if tonumber(ARGV[2]) > 0 then
    for i = 2, 3 do
        if redis.call('EXISTS', KEYS[i]) == 1 then
            redis.call('RENAME', KEYS[i], KEYS[i + 3])
            redis.call('PEXPIRE', KEYS[i + 3], ARGV[2])
        end
    end
end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
return {'done'}
