#!lua
-- KEYS: the ingress stream. ARGV: how many entries it may have before (-1: any number), then for each entry, in order:
-- the number of its fields and values, then these. Answers their ids.
-- All are appended or none, so that none can overtake another: nothing here fails behind the first write.
local kind = redis.call('TYPE', KEYS[1])['ok']
if kind ~= 'stream' and kind ~= 'none' then
  return {'type', KEYS[1], kind, 'stream'}
end
local most = tonumber(ARGV[1])
if most >= 0 then
  local length = redis.call('XLEN', KEYS[1])
  if length >= most then
    return {'full', length}
  end
end
local reply = {'appended'}
local position = 2
while position <= #ARGV do
  local last = position + tonumber(ARGV[position])
  reply[#reply + 1] = redis.call('XADD', KEYS[1], '*', unpack(ARGV, position + 1, last))
  position = last + 1
end
return reply
