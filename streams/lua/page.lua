#!lua flags=no-writes
-- KEYS: ranked indexes. ARGV: score and member below which to begin (member '': with that score), lowest score, limit.
-- Answers the next entries of all keys together as one list, highest first: member, score, member, score, ...
-- Members of one score are in the order of their bytes; Lua's own comparison depends on the locale.
local highest, below, lowest, limit = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local CHUNK = 16

local function less(one, other)
  local length = math.min(#one, #other)
  for place = 1, length do
    local left, right = string.byte(one, place), string.byte(other, place)
    if left ~= right then
      return left < right
    end
  end
  return #one < #other
end

local function first_rank(key)
  local low = redis.pcall('ZCOUNT', key, '(' .. highest, '+inf')
  if type(low) ~= 'number' then
    return nil
  end
  if below == '' then
    return low
  end
  local high = low + redis.call('ZCOUNT', key, highest, highest)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if less(redis.call('ZREVRANGE', key, middle, middle)[1], below) then
      high = middle
    else
      low = middle + 1
    end
  end
  return low
end

local function advance(source)
  source.place = source.place + 2
  if source.place > #source.entries and source.rank then
    source.entries = redis.call('ZREVRANGE', source.key, source.rank, source.rank + CHUNK - 1, 'WITHSCORES')
    source.rank = source.rank + CHUNK
    source.place = 1
  end
  source.member = source.entries[source.place]
  source.score = tonumber(source.entries[source.place + 1] or '')
  if source.score and source.score < lowest then
    source.member = nil
  end
end

local sources = {}
for _, key in ipairs(KEYS) do
  local source = {key = key, rank = first_rank(key), entries = {}, place = -1}
  advance(source)
  if source.member then
    table.insert(sources, source)
  end
end
local found = {}
while #found < 2 * limit do
  local best = nil
  for _, source in ipairs(sources) do
    if source.member and (not best or source.score > best.score
      or source.score == best.score and less(best.member, source.member)) then
      best = source
    end
  end
  if not best then
    break
  end
  table.insert(found, best.member)
  table.insert(found, best.entries[best.place + 1])
  advance(best)
end
return found
