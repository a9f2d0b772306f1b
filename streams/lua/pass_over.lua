#!lua flags=allow-oom
-- KEYS: how far routing has come. ARGV: the id of the last entry that was read, and for each blocked partition
-- `<number> <id of its first entry that waits>`, separated by spaces. Without ARGV it is forgotten.
-- Allowed when memory is full: deadlines of the other partitions would wait for the blocked ones.
local kind = redis.call('TYPE', KEYS[1])['ok']
if kind ~= 'hash' and kind ~= 'none' then
  return {'type', KEYS[1], kind, 'hash'}
end
if #ARGV == 0 then
  redis.call('DEL', KEYS[1])
else
  redis.call('HSET', KEYS[1], 'reached', ARGV[1], 'passed_over', ARGV[2])
end
return {'noted'}
