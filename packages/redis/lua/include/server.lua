-- Which server this is: its client says it (src/link.ts), and on a Cluster it says so itself. nil where nobody knows.
local server = KEYS[2] and (string.match(KEYS[2], ':server:(%x+)$') or redis.call('CLUSTER', 'MYID')) or nil
