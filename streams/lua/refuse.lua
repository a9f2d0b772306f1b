#!lua flags=allow-oom
-- KEYS: refused. ARGV: fields and values. Allowed when memory is full: what cannot be set aside would block the outbox.
local kind = redis.call('TYPE', KEYS[1])['ok']
if kind ~= 'stream' and kind ~= 'none' then
  return {'type', KEYS[1], kind, 'stream'}
end
redis.call('XADD', KEYS[1], '*', unpack(ARGV))
return {'refused'}
