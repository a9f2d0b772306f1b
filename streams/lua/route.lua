#!lua flags=allow-oom
-- KEYS: meta, events, dead. ARGV: the field of meta that remembers how far a source was taken in; a position that is to be
-- forgotten ('' for none); then for each entry of the source, in order: its id, then either '1' and the packed event, or '2'
-- and the field and value of another entry, or the number of fields and values of its dead letter and these. An entry may
-- come in several pieces, one behind the other. What was taken in before is passed over, so that twice changes nothing.
-- Allowed when memory is full: what is moved has been accepted already, and leaves its source as it comes here, so that
-- moving frees as much as it takes. Nothing new comes in meanwhile: XADD by producers is refused by the server.
local function after(a, b)
  local a_ms, a_seq = string.match(a, '^(%d+)-(%d+)$')
  local b_ms, b_seq = string.match(b, '^(%d+)-(%d+)$')
  if a_ms ~= b_ms then
    return #a_ms > #b_ms or (#a_ms == #b_ms and a_ms > b_ms)
  end
  return #a_seq > #b_seq or (#a_seq == #b_seq and a_seq > b_seq)
end
for key, expected in pairs({'hash', 'stream', 'stream'}) do
  local kind = redis.call('TYPE', KEYS[key])['ok']
  if kind ~= expected and kind ~= 'none' then
    return {'type', KEYS[key], kind, expected}
  end
end
for _, name in ipairs({'XADD', 'HSET'}) do
  if redis.acl_check_cmd and not redis.acl_check_cmd(name, KEYS[1]) then
    return redis.error_reply('NOPERM the user may not run ' .. name .. ' in a script')
  end
end
local stored = redis.call('HGET', KEYS[1], ARGV[1]) or '0-0'
local routed = stored == ARGV[2] and '0-0' or stored
local last = routed
local position = 3
while position <= #ARGV do
  local id = ARGV[position]
  local parts = tonumber(ARGV[position + 1])
  if after(id, routed) then
    if parts == 1 then
      redis.call('XADD', KEYS[2], '*', 'e', ARGV[position + 2])
    else
      local key = parts == 2 and KEYS[2] or KEYS[3]
      redis.call('XADD', key, '*', unpack(ARGV, position + 2, position + 1 + parts))
    end
    last = id
  end
  position = position + 2 + parts
end
if last ~= stored then
  redis.call('HSET', KEYS[1], ARGV[1], last)
end
return {'routed'}
