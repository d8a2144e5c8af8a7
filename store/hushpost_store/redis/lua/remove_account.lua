-- Removes an account whose mailboxes are gone.
return redis.call('UNLINK', unpack(KEYS))
