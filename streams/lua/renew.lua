#!lua flags=allow-oom
-- KEYS: meta. ARGV: nonce, lease in ms; 0 gives the partition up. Answers 1, or 0 when it is not ours any more: somebody
-- else owns it, or the key holds something else.
local nonce = redis.pcall('HGET', KEYS[1], 'nonce')
if type(nonce) == 'table' and nonce['err'] and not string.find(nonce['err'], 'WRONGTYPE', 1, true) then
  return nonce
end
if nonce ~= ARGV[1] then
  return 0
end
if ARGV[2] == '0' then
  redis.call('HDEL', KEYS[1], 'nonce', 'owner', 'until')
  return 1
end
local time = redis.call('TIME')
redis.call('HSET', KEYS[1], 'until', time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2])
return 1
