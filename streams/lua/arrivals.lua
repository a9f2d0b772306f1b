#!lua flags=no-writes
-- KEYS: the ingress stream, how far routing has come. No ARGV.
-- Answers the server's time in ms, the id of the first entry that is still there ('' for none), then, where entries of
-- blocked partitions were left behind: how far the others were routed, the first entry after that ('' for none), and
-- what was passed over. A key of another type counts as empty: nothing can arrive there.
local function first(from)
  local found = redis.pcall('XRANGE', KEYS[1], from, '+', 'COUNT', 1)
  return not found['err'] and found[1] and found[1][1] or ''
end
local time = redis.call('TIME')
local answer = {time[1] * 1000 + math.floor(time[2] / 1000), first('-')}
local routed = redis.pcall('HMGET', KEYS[2], 'reached', 'passed_over')
if answer[2] ~= '' and not routed['err'] and routed[1] and routed[2] then
  answer[3], answer[4], answer[5] = routed[1], first('(' .. routed[1]), routed[2]
end
return answer
