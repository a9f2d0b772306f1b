#!lua flags=no-writes
-- Walks indexes from their newest entry down, and answers the entries whose workflows other indexes list as well.
-- KEYS: the indexes to walk; where ARGV[5] is 1 as many that list their workflows by start; then those to look into.
-- ARGV: how many are walked, how many entries are wanted, how many may be examined, 'ranked' or 'spelled', 0 or 1, then
--   ranked: score and member below which to begin (member '': with that score), lowest score
--   spelled (one index): highest and lowest member as ZREVRANGEBYLEX takes them, length of the text before the start
-- then what must hold, each as: a text (spelled) or nothing (ranked), how many of the next KEYS it may be in.
-- Answers the last entry examined, if there may be more behind it, and how many were; then the entries that are wanted,
-- highest first. An entry is a member and a score; where indexes are spelled, an id and a start.
-- Members of one score are in the order of their bytes; Lua's own comparison depends on the locale.
local CHUNK = 16
local EARLIEST = 2 ^ 46  -- as in streams/indexes.py
local walked, wanted, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local ranked, listed = ARGV[4] == 'ranked', ARGV[5] == '1'
local highest, second, third = ARGV[6], ARGV[7], tonumber(ARGV[8])

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
  if second == '' then
    return low
  end
  local high = low + redis.call('ZCOUNT', key, highest, highest)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if less(redis.call('ZREVRANGE', key, middle, middle)[1], second) then
      high = middle
    else
      low = middle + 1
    end
  end
  return low
end

local function advance_ranked(source)
  source.place = source.place + 2
  if source.place > #source.entries and source.rank then
    source.entries = redis.call('ZREVRANGE', source.key, source.rank, source.rank + CHUNK - 1, 'WITHSCORES')
    source.rank = source.rank + CHUNK
    source.place = 1
  end
  source.member = source.entries[source.place]
  source.score = tonumber(source.entries[source.place + 1] or '')
  if source.score and source.score < third then
    source.member = nil
  end
end

local function advance_spelled(source)
  source.place = source.place + 1
  if source.place > #source.entries then
    local found = redis.pcall('ZREVRANGEBYLEX', source.key, source.highest, second, 'LIMIT', 0, 4 * CHUNK)
    source.entries = found['err'] and {} or found
    source.place = 1
  end
  local entry = source.entries[source.place]
  source.member = entry and string.sub(entry, third + 8)
  source.start = entry and string.sub(entry, third + 1, third + 7)
  source.highest = entry and '(' .. entry
end

local advance = ranked and advance_ranked or advance_spelled
local sources = {}
for index = 1, walked do
  local source = {key = KEYS[index], listed = listed and KEYS[walked + index], entries = {}, place = ranked and -1 or 0}
  if ranked then
    source.rank = first_rank(source.key)
  else
    source.highest = highest
  end
  advance(source)
  if source.member then
    table.insert(sources, source)
  end
end

local conditions = {}
local key = listed and 2 * walked or walked
for place = 9, #ARGV, 2 do
  local condition = {text = ARGV[place], first = key + 1, last = key + tonumber(ARGV[place + 1])}
  key = condition.last
  table.insert(conditions, condition)
end

local function look(key, member)
  local score = redis.pcall('ZSCORE', key, member)
  if type(score) == 'table' and not string.find(score['err'], 'WRONGTYPE', 1, true) then
    score = redis.call('ZSCORE', key, member)  -- which raises it
  end
  return score
end

-- Where that cannot be said the answer is yes: the snapshot has the last word.
local function holds(source)
  local start = source.start
  if source.listed then
    local score = tonumber(look(source.listed, source.member) or '')
    start = score and struct.pack('>I7', score + EARLIEST)
  end
  for _, condition in ipairs(conditions) do
    local member = source.member
    if condition.text ~= '' then
      member = start and condition.text .. start .. member
    end
    local found = not member
    for index = condition.first, condition.last do
      found = found or look(KEYS[index], member)
    end
    if not found then
      return false
    end
  end
  return true
end

local answer = {'', '', 0}
local examined, last, score = 0, nil, nil
while true do
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
  if examined == most or #answer - 3 >= 2 * wanted then
    answer[1], answer[2] = last, score
    break
  end
  local again = ranked and best.member == last and best.score == tonumber(score)
  last, score = best.member, ranked and best.entries[best.place + 1] or best.start
  examined = examined + 1
  if not again and holds(best) then
    table.insert(answer, last)
    table.insert(answer, score)
  end
  advance(best)
end
answer[3] = examined
return answer
