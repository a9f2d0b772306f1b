#!lua flags=no-writes
-- KEYS: meta, events, outbox, dead, refused, held, parked, deadlines, exporter, messages. ARGV: what the score of a fired deadline
-- has more. Answers numbers: entries that are not folded, ms since the oldest of them was written, outbox entries, ms
-- since the oldest of them was written, dead letters, refused spans, workflows with events that wait, workflows whose
-- machine is not loaded, deadlines, overdue ones, whether a worker holds the partition, whether an exporter does, messages.
-- Overdue is also what has fired and was not applied yet. A key of another type counts as empty. Here and not command by command, since an entry of a stream may be large.
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
local function age(id)
  return id and math.max(0, now - tonumber(string.match(id, '^%d+'))) or 0
end
local function held(key)
  local until_ms = redis.pcall('HGET', key, 'until')
  return type(until_ms) == 'string' and (tonumber(until_ms) or 0) > now and 1 or 0
end
local cursor = redis.pcall('HGET', KEYS[1], 'cursor')
local known = type(cursor) == 'string'
local unread = number('XLEN', KEYS[2])
if known and first(KEYS[2], cursor, cursor) then
  unread = unread - 1  -- trimming to the cursor keeps its entry
end
local waits = unread > 0 and first(KEYS[2], known and '(' .. cursor or '-', '+', 'COUNT', 1)
return {
  unread, age(waits), number('XLEN', KEYS[3]), age(first(KEYS[3], '-', '+', 'COUNT', 1)), number('XLEN', KEYS[4]),
  number('XLEN', KEYS[5]), number('ZCARD', KEYS[6]), number('ZCARD', KEYS[7]), number('ZCARD', KEYS[8]),
  number('ZCOUNT', KEYS[8], '-inf', now) + number('ZCOUNT', KEYS[8], ARGV[1], ARGV[1] + now), held(KEYS[1]), held(KEYS[9]),
  number('XLEN', KEYS[10])
}
