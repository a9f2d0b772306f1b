#!lua
-- KEYS: the ingress stream. ARGV: for each entry, in order: the number of its fields and values, then these.
-- All are appended or none, so that none can overtake another: nothing here fails behind the first write.
local kind = redis.call('TYPE', KEYS[1])['ok']
if kind ~= 'stream' and kind ~= 'none' then
  return {'type', KEYS[1], kind, 'stream'}
end
local position = 1
while position <= #ARGV do
  local last = position + tonumber(ARGV[position])
  redis.call('XADD', KEYS[1], '*', unpack(ARGV, position + 1, last))
  position = last + 1
end
return {'appended'}
