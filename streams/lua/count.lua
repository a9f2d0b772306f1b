#!lua flags=no-writes
-- KEYS: sorted sets. ARGV: scores. Answers for each set: how many members it has, the lowest score of all ('' for none),
-- then how many have at least each of the scores. A key of another type counts as empty. A script, so that what comes
-- back is small.
local answer = {}
for _, key in ipairs(KEYS) do
  local size = redis.pcall('ZCARD', key)
  local counted = type(size) == 'number' and size > 0
  answer[#answer + 1] = counted and size or 0
  answer[#answer + 1] = counted and redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2] or ''
  for _, least in ipairs(ARGV) do
    answer[#answer + 1] = counted and redis.call('ZCOUNT', key, least, '+inf') or 0
  end
end
return answer
