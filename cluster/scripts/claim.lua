-- Takes the place of the expected claim (none: ''). KEYS: claim, gone. ARGV: expected, nonce, node, incarnation, replaced, life in ms,
-- the time in ms within which claims in vain count: those that took a room from another process, and under which nothing was written.
if redis.call('EXISTS', KEYS[2]) == 1 then return {'gone'} end
local known = redis.call('HMGET', KEYS[1], 'nonce', 'incarnation', 'vain_since', 'vain')
local stands = known[1] or ''
if stands ~= ARGV[1] and stands ~= ARGV[2] then return {'taken'} end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local since, vain = tonumber(known[3] or '0'), tonumber(known[4] or '0')
if now - since > tonumber(ARGV[7]) then since, vain = now, 0 end
if stands ~= '' and known[2] ~= ARGV[4] then vain = vain + 1 end
redis.call('HSET', KEYS[1], 'nonce', ARGV[2], 'node', ARGV[3], 'incarnation', ARGV[4], 'replaced', ARGV[5],
    'vain', vain, 'vain_since', string.format('%.0f', since))
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return {'owned', vain}
