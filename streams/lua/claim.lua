#!lua flags=allow-oom
-- KEYS: meta, events. ARGV: owner, nonce, etag, lease in ms, nonce of a holder known to be dead ('' for none).
-- Takes the partition when nobody holds it: {'claimed', cursor, read} or {'held', owner, nonce, ms left}.
-- `indexed` is the etag of the last commit that kept the indexes; an older version, which does not, leaves it behind.
local held = redis.pcall('HMGET', KEYS[1], 'nonce', 'owner', 'until', 'cursor', 'read', 'etag', 'indexed')
if held['err'] then
  local wrong = string.find(held['err'], 'WRONGTYPE', 1, true)
  return wrong and {'type', KEYS[1], redis.call('TYPE', KEYS[1])['ok'], 'hash'} or held
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local left = (tonumber(held[3]) or 0) - now
if held[1] and left > 0 and held[1] ~= ARGV[5] then
  return {'held', held[2] or '', held[1], left}
end
local kind = redis.call('TYPE', KEYS[2])['ok']
if kind ~= 'stream' and kind ~= 'none' then
  return {'type', KEYS[2], kind, 'stream'}
end
if kind == 'none' then
  redis.call('XGROUP', 'CREATE', KEYS[2], 'longspan', '0', 'MKSTREAM')
else
  redis.pcall('XGROUP', 'CREATE', KEYS[2], 'longspan', '0')
end
local cursor, read = held[4] or '0-0', held[5] or '0'
local indexed = held[7]
if indexed == held[6] then  -- also where there is neither: the partition is new
  indexed = ARGV[3]
end
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'nonce', ARGV[2], 'etag', ARGV[3], 'until', now + ARGV[4],
  'cursor', cursor, 'read', read, 'indexed', indexed or '')
return {'claimed', cursor, read}
