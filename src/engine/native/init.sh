# Process 1 of a service: reaps what it is left, passes signals on, keeps the exit status, and ends with the service;
# the kernel then ends everything else in the pid namespace.
#
# Called as: sh init.sh FOLDER GENERATION. FOLDER/mounts is what every service mounts, FOLDER/GENERATION the folder of
# this one start (see generation.ts), with its `plan`: hostname, log and own_mounts as variables, and `run` and
# `mount_volumes` as functions. SETSID and RESET_SIGNALS come from spawner.sh.

mount_own() { mount -n -a -T "$own_mounts"; }

main() {
  folder=$1 generation=$1/$2

  # Whoever has this pipe open for writing is alive. If a later daemon took the folder away, each of the next steps
  # fails, and so does the last look below.
  exec 9<>"$generation/alive" || exit

  # Who we are in the daemon's numbering: /proc is still the daemon's. Fields 1 and 22 of proc_pid_stat(5).
  read -r pid _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ started _ </proc/self/stat
  echo "$pid $started" >"$generation/identity" || exit

  umask 022
  . "$generation/plan"
  mount_volumes && mount -n -a -T "$folder/mounts" -T "$own_mounts" || exit
  echo "$hostname" >/proc/sys/kernel/hostname || exit

  [ -p "$generation/alive" ] || exit
  # Redirected by `exec`: dash would leak its saved copies of the descriptors to the service.
  (exec </dev/null >>"$log" 2>&1 9>&- && run) &
  service=$!

  for name in TERM INT HUP QUIT USR1 USR2; do
    trap "kill -s $name $service" $name
  done
  trap mount_own URG # a file of the host was replaced, and our mount over it went with it

  echo running >&9

  # A trapped signal ends `wait` too; the service is gone when it cannot be signalled any more.
  while :; do
    wait "$service"
    status=$?
    kill -0 "$service" 2>/dev/null || break
  done
  echo "$status" >"$generation/status"
  exit
}

main "$@"
