#!/bin/sh
# Writes the users with the passwords of the Secret, as hashes, and becomes the server.
set -eu
umask 077
users=/run/redis/users.acl
cp /etc/redis/users.acl "$users"
for role in worker exporter api poller producer; do
  password=$(cat "/run/secrets/redis/$role")
  hash=$(printf %s "$password" | sha256sum | cut -d ' ' -f 1)
  sed -i "s/^user longspan-$role on /&#$hash /" "$users"
done
exec redis-server /etc/redis/redis.conf --maxmemory "$MAXMEMORY"
