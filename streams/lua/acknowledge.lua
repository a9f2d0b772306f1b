#!lua flags=allow-oom
-- KEYS: outbox, ended, exporter, then the trace-state key of each run in parts. ARGV: the nonce of the export lease ('' to
-- acknowledge without one), number of outbox entries, their ids, number of delivered runs, for each score and member of `ended`,
-- then for each KEYS[4..] its new trace state ('' deletes it).
-- A run that retention has taken in the meantime is not entered again: XX.
-- Lua does not roll back: types and the user's rights are checked before the first write.
for key, expected in pairs({'stream', 'zset', 'hash'}) do
  local kind = redis.call('TYPE', KEYS[key])['ok']
  if kind ~= expected and kind ~= 'none' then
    return {'type', KEYS[key], kind, expected}
  end
end
if ARGV[1] ~= '' and redis.call('HGET', KEYS[3], 'nonce') ~= ARGV[1] then
  return {'fenced'}
end
-- Some servers refuse to answer for a command that lacks arguments.
for _, command in ipairs({
  {'XDEL', '0'}, {'ZADD', '0', ''}, {'DEL'}, {'SET', ''}
}) do
  if redis.acl_check_cmd and not redis.acl_check_cmd(command[1], KEYS[1], unpack(command, 2)) then
    return redis.error_reply('NOPERM the user may not run ' .. command[1] .. ' in a script')
  end
end
local MOST = 1000 -- arguments of one command
local position = 2
local entries = tonumber(ARGV[position])
for i = 1, entries, MOST do
  redis.call('XDEL', KEYS[1], unpack(ARGV, position + i, position + math.min(i + MOST - 1, entries)))
end
position = position + entries + 1
local marks = 2 * tonumber(ARGV[position])
for i = 1, marks, MOST do
  redis.call('ZADD', KEYS[2], 'XX', unpack(ARGV, position + i, position + math.min(i + MOST - 1, marks)))
end
position = position + marks
local gone = {}
for i = 4, #KEYS do
  local state = ARGV[position + i - 3]
  if state ~= '' then
    redis.call('SET', KEYS[i], state)
  else
    gone[#gone + 1] = KEYS[i]
  end
end
for i = 1, #gone, MOST do
  redis.call('DEL', unpack(gone, i, math.min(i + MOST - 1, #gone)))
end
return {'acknowledged', entries}
