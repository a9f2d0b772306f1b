#!lua flags=allow-oom
-- KEYS: meta, events, dead. ARGV: the field of meta that remembers how far a source was taken in; a position that is to be
-- forgotten ('' for none); the ids of the source's entries, in order, separated by spaces, one for each piece that follows,
-- as an entry may come in several pieces; how many arguments each piece has, separated by spaces, '' where all have one;
-- then the pieces: a packed event, or the field and value of another entry, or the fields and values of a dead letter.
-- What was taken in before is passed over, so that twice changes nothing.
-- Allowed when memory is full: what is moved has been accepted already, and leaves its source as it comes here, so that
-- moving frees as much as it takes. Nothing new comes in meanwhile: XADD by producers is refused by the server.
local call = redis.call
local function after(a, b)
  local a_ms, a_seq = string.match(a, '^(%d+)-(%d+)$')
  local b_ms, b_seq = string.match(b, '^(%d+)-(%d+)$')
  if a_ms ~= b_ms then
    return #a_ms > #b_ms or (#a_ms == #b_ms and a_ms > b_ms)
  end
  return #a_seq > #b_seq or (#a_seq == #b_seq and a_seq > b_seq)
end
for key, expected in pairs({'hash', 'stream', 'stream'}) do
  local kind = call('TYPE', KEYS[key])['ok']
  if kind ~= expected and kind ~= 'none' then
    return {'type', KEYS[key], kind, expected}
  end
end
-- Some servers refuse to answer for a command that lacks arguments.
for _, command in ipairs({
  {'XADD', '*', '', ''}, {'HSET', '', ''}
}) do
  if redis.acl_check_cmd and not redis.acl_check_cmd(command[1], KEYS[1], unpack(command, 2)) then
    return redis.error_reply('NOPERM the user may not run ' .. command[1] .. ' in a script')
  end
end
local stored = call('HGET', KEYS[1], ARGV[1]) or '0-0'
local routed = stored == ARGV[2] and '0-0' or stored
local ids, sizes = ARGV[3] or '', ARGV[4] or ''
local last = string.match(ids, '^.* (.+)$') or ids
if last == '' or not after(last, routed) then
  if routed ~= stored then
    call('HSET', KEYS[1], ARGV[1], routed)
  end
  return {'routed'}
end
local first = 5
if not after(string.match(ids, '^%S+'), routed) then
  -- The first pieces came before.
  local size = string.gmatch(sizes, '%d+')
  for id in string.gmatch(ids, '%S+') do
    if after(id, routed) then
      break
    end
    first = first + tonumber(size() or '1')
    sizes = string.gsub(sizes, '^%d+ ?', '')
  end
end
if sizes == '' then
  for piece = first, #ARGV do
    call('XADD', KEYS[2], '*', 'e', ARGV[piece])
  end
else
  for size in string.gmatch(sizes, '%d+') do
    local parts = tonumber(size)
    if parts == 1 then
      call('XADD', KEYS[2], '*', 'e', ARGV[first])
    else
      call('XADD', parts == 2 and KEYS[2] or KEYS[3], '*', unpack(ARGV, first, first + parts - 1))
    end
    first = first + parts
  end
end
call('HSET', KEYS[1], ARGV[1], last)
return {'routed'}
