-- The server's clock: what the time left until a timer is told by.
-- KEYS[1] the bucket's root
-- ARGV    clock offset
-- returns now, in ms
-- called by listSteps
-- include: now
return now
