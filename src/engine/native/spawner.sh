# Starts services for as long as its stdin lasts: one line each, `GENERATION FD`, where GENERATION is a folder below
# FOLDER (see generation.ts), and FD the number under which the daemon has the network namespace open. And checks their
# health: at a line `GENERATION check`, it runs the check of that service, and says `GENERATION STATUS` when it is over.
#
# Called as: sh spawner.sh FOLDER DAEMON HIDDEN INIT, in a mount namespace of its own: the daemon's pid, the folder of
# bound namespaces as mountinfo spells it, and the path of init.sh.

# A mount namespace with a network namespace bound in it keeps that one alive, until somebody deletes the file that it
# is bound to; a service's, which is a copy of this one, must not. And it need not copy hundreds of mounts.
hide() {
  cat /proc/self/mountinfo | while read -r _ _ _ _ point _; do
    case $point in
    "$1" | "$1"/*) umount -l "$(printf %b "$point")" 2>/dev/null ;;
    esac
  done
}

# In the foreground: a command in the background would ignore SIGINT and SIGQUIT, and its children with it.
start() {
  nsenter --net="/proc/$daemon/fd/$2" \
    unshare --mount --propagation unchanged --uts --pid \
    setsid --fork sh "$init" "$folder" "$1" \
    </dev/null >/dev/null 2>"$folder/$1/trouble"
}

# Beside everything else. The check's output goes to a file, so that nothing but the status holds the pipe to the daemon.
check() {
  (
    . "$folder/$1/plan" && read -r pid _ <"$folder/$1/identity" || exit
    check_service "$pid" "$folder/$1/check"
    echo "$1 $?"
  ) </dev/null 2>/dev/null &
  jobs >/dev/null # forgets those that have ended: dash would keep them all
}

main() {
  folder=$1 daemon=$2 init=$4
  hide "$3"

  export SETSID RESET_SIGNALS
  SETSID=$(command -v setsid)
  RESET_SIGNALS=
  # Services are in the background of init.sh; GNU env since 8.31 gives them SIGINT and SIGQUIT back.
  if env --default-signal=INT true 2>/dev/null; then RESET_SIGNALS=--default-signal=INT,QUIT; fi

  while read -r generation fd; do
    if [ "$fd" = check ]; then
      check "$generation"
    elif [ -p "$folder/$generation/alive" ]; then
      start "$generation" "$fd" || echo failed 1<>"$folder/$generation/alive"
    fi
  done
  exit
}

main "$@"
