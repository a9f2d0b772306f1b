#!lua flags=allow-oom
-- KEYS: exporter. ARGV: owner, nonce, lease in ms, nonce of a holder known to be dead ('' for none).
-- Takes the right to export a partition when nobody has it: {'claimed'} or {'held', owner, nonce}.
local kind = redis.call('TYPE', KEYS[1])['ok']
if kind ~= 'hash' and kind ~= 'none' then
  return {'type', KEYS[1], kind, 'hash'}
end
local held = redis.call('HMGET', KEYS[1], 'nonce', 'owner', 'until')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if held[1] and (tonumber(held[3]) or 0) > now and held[1] ~= ARGV[4] then
  return {'held', held[2] or '', held[1]}
end
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'nonce', ARGV[2], 'until', now + ARGV[3])
return {'claimed'}
