#!lua flags=allow-oom
-- KEYS: members. ARGV: member, when it joined in ms ('' for now), lease in ms ('0' to leave), then members known to be dead.
-- The hash holds `<joined ms> <until ms>` for each member. Answers when this member joined, the time, and who is there: member, joined, member, joined and so on.
local kind = redis.call('TYPE', KEYS[1])['ok']
if kind ~= 'hash' and kind ~= 'none' then
  return {'type', KEYS[1], kind, 'hash'}
end
if ARGV[3] == '0' then
  redis.call('HDEL', KEYS[1], ARGV[1])
  return {'left'}
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local joined = ARGV[2] == '' and string.format('%d', now) or ARGV[2]
redis.call('HSET', KEYS[1], ARGV[1], string.format('%s %d', joined, now + ARGV[3]))
for i = 4, #ARGV do
  redis.call('HDEL', KEYS[1], ARGV[i])
end
local all = redis.call('HGETALL', KEYS[1])
local present = {'present', joined, now}
for i = 1, #all, 2 do
  local since, till = string.match(all[i + 1], '^(%d+) (%d+)$')
  if till and tonumber(till) > now then
    present[#present + 1] = all[i]
    present[#present + 1] = since
  else
    redis.call('HDEL', KEYS[1], all[i])
  end
end
return present
