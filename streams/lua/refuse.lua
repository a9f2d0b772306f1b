#!lua flags=allow-oom
-- KEYS: refused. ARGV: fields and values. Allowed when memory is full: what cannot be set aside would block the outbox.
return redis.call('XADD', KEYS[1], '*', unpack(ARGV))
