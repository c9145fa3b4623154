# Keeps one private PostgreSQL server. Run by postgres.ts, which holds the other end of descriptor 3:
#   it writes "stop" or "start"; we answer "ended <code>" whenever the server has ended.
# The pipe also ends when that process dies, in whatever way: then the server is stopped and its data deleted,
# so that a test run that was killed leaves nothing behind.
binaries=$1
scratch=$2
shift 2

if [ ! -e "$scratch/data/PG_VERSION" ]; then
  "$binaries/initdb" -D "$scratch/data" -U postgres --pwfile="$scratch/password" --auth=scram-sha-256 \
    --encoding=UTF8 --locale=C --no-instructions --no-sync 3<&-
fi

trap '' PIPE
while :; do
  (trap - PIPE && exec "$binaries/postgres" -D "$scratch/data" "$@" 3<&-) &
  server=$!
  # At the end of the pipe `read` fails, and the server has to stop just the same.
  (read -r word <&3; kill -INT $server) 2>/dev/null &
  reader=$!
  wait $server
  code=$?
  kill $reader 2>/dev/null
  wait $reader
  echo "ended $code" 2>/dev/null >&3
  again=
  # A "stop" that crossed with the end of the server is still in the pipe: pass over it.
  while [ -z "$again" ] && read -r word <&3; do
    [ "$word" = start ] && again=yes
  done
  [ -n "$again" ] || break
done
rm -rf "$scratch"
