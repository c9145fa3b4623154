# Keeps one private server. Run by kept-server.ts, which holds the other end of descriptor 3: it writes "stop" or
# "start"; we answer "started <pid>" and, whenever the server has ended, "ended <code>".
# The pipe also ends when that process dies, in whatever way: then the server is stopped and its data deleted,
# so that a test run that was killed leaves nothing behind.
scratch=$1
prepare=$2
shift 2

if [ -n "$prepare" ]; then
  sh -c "$prepare" 3<&-
fi

trap '' PIPE
while :; do
  (trap - PIPE && exec "$@" 3<&-) &
  server=$!
  echo "started $server" 2>/dev/null >&3
  # At the end of the pipe `read` fails, and the server has to stop just the same.
  # Once may not do: Redis refuses while it writes its first append-only file.
  (read -r word <&3; while kill -INT $server; do sleep 1; done) 2>/dev/null &
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
