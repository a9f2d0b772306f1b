#!lua flags=no-writes
-- KEYS: meta, events, outbox, dead, refused, held, parked, deadlines. ARGV: what the score of a fired deadline has more.
-- Answers numbers: entries that are not folded, outbox entries, ms since the oldest of them was written, dead letters,
-- refused spans, workflows with events that wait, workflows whose machine is not loaded, deadlines, overdue ones.
-- Overdue is also what has fired and was not applied yet. A key of another type counts as empty. Here and not command by command, since an entry of the outbox may be large.
local function number(...)
  local reply = redis.pcall(...)
  return type(reply) == 'number' and reply or 0
end
local function first(...)
  local reply = redis.pcall('XRANGE', ...)
  return not reply['err'] and reply[1] and reply[1][1]
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local cursor = redis.pcall('HGET', KEYS[1], 'cursor')
local unread = number('XLEN', KEYS[2])
if type(cursor) == 'string' and first(KEYS[2], cursor, cursor) then
  unread = unread - 1  -- trimming to the cursor keeps its entry
end
local oldest = first(KEYS[3], '-', '+', 'COUNT', 1)
local age = oldest and math.max(0, now - tonumber(string.match(oldest, '^%d+'))) or 0
return {
  unread, number('XLEN', KEYS[3]), age, number('XLEN', KEYS[4]), number('XLEN', KEYS[5]), number('ZCARD', KEYS[6]),
  number('ZCARD', KEYS[7]), number('ZCARD', KEYS[8]), number('ZCOUNT', KEYS[8], '-inf', now) + number('ZCOUNT', KEYS[8], ARGV[1], ARGV[1] + now)
}
