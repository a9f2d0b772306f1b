#!lua flags=allow-oom
-- KEYS: meta, events, then every other key that is written.
-- ARGV: nonce, etag, cursor, next etag, next cursor, entries read, the types of KEYS[3..] separated by spaces, then each
-- command as: number of its arguments, index of its key, name, arguments.
-- Lua does not roll back: all that can fail is checked before the first write, also what the user may not do.
local meta = redis.pcall('HMGET', KEYS[1], 'nonce', 'etag', 'cursor', 'read')
if meta['err'] then
  local wrong = string.find(meta['err'], 'WRONGTYPE', 1, true)
  return wrong and {'type', KEYS[1], redis.call('TYPE', KEYS[1])['ok'], 'hash'} or meta
end
if meta[1] ~= ARGV[1] or meta[2] ~= ARGV[2] or meta[3] ~= ARGV[3] then
  return {'fenced'}
end
local key = 1
for expected in string.gmatch('stream ' .. ARGV[7], '%S+') do
  key = key + 1
  local kind = redis.call('TYPE', KEYS[key])['ok']
  if kind ~= expected and kind ~= 'none' then
    return {'type', KEYS[key], kind, expected}
  end
end
-- Some servers refuse to answer for a command that lacks arguments.
for _, command in ipairs({
  {'SET', ''}, {'DEL'}, {'RPUSH', ''}, {'LTRIM', '0', '0'}, {'ZADD', '0', ''}, {'ZREM', ''}, {'XADD', '*', '', ''},
  {'HGET', ''}, {'HSET', '', ''}, {'HDEL', ''}, {'SADD', ''}, {'XTRIM', 'MINID', '0'}
}) do
  if redis.acl_check_cmd and not redis.acl_check_cmd(command[1], KEYS[1], unpack(command, 2)) then
    return redis.error_reply('NOPERM the user may not run ' .. command[1] .. ' in a script')
  end
end
local position = 8
while position <= #ARGV do
  local last = position + 2 + tonumber(ARGV[position])
  redis.call(ARGV[position + 2], KEYS[tonumber(ARGV[position + 1])], unpack(ARGV, position + 3, last))
  position = last + 1
end
local read = tonumber(meta[4]) + tonumber(ARGV[6])
local indexed = redis.call('HGET', KEYS[1], 'indexed')
if indexed == ARGV[2] then  -- the indexes were right before, and are kept
  indexed = ARGV[4]
end
redis.call('HSET', KEYS[1], 'etag', ARGV[4], 'cursor', ARGV[5], 'read', read, 'indexed', indexed or '')
if ARGV[6] ~= '0' then
  redis.pcall('XGROUP', 'SETID', KEYS[2], 'longspan', ARGV[5], 'ENTRIESREAD', read)
  redis.call('XTRIM', KEYS[2], 'MINID', ARGV[5])
end
return {'committed'}
