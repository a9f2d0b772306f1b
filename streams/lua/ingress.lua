#!lua flags=no-writes
-- KEYS: the ingress stream. Answers how many entries it has, and ms since the first of them was written. A key of
-- another type counts as empty. A script, since an entry may be large.
local length = redis.pcall('XLEN', KEYS[1])
if type(length) ~= 'number' or length == 0 then
  return {0, 0}
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
return {length, first and math.max(0, now - tonumber(string.match(first[1], '^%d+'))) or 0}
