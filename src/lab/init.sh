#!/bin/sh
# Process 1 of one machine of the lab: makes the machine's own view of the files, then reaps orphans until TERM.
# With its end everything ends that runs in the machine (pid_namespaces(7)).
#
#   unshare --net --mount --propagation slave --uts --pid --fork sh init.sh MARK FOLDER HOSTNAME [OWN-FOLDER...]
#
# MARK is for those who look for the lab's processes. FOLDER holds etc (files that shadow the machine's own); what the
# machine writes goes there too. Prints `ready PID`, with the pid as the outside sees it, and waits for the line `stay`:
# whoever builds the lab and dies before it is done takes the machine along.
set -eu
folder=$2 hostname=$3
shift 3
read -r pid _ </proc/self/stat # /proc is still the outside's
echo "$hostname" >/proc/sys/kernel/hostname

# An upper layer of overlayfs cannot itself lie on overlayfs, as a container's files do: then it lies in memory.
layers=$folder
overlay() { mount -t overlay -o "lowerdir=$1,upperdir=$layers/$2,workdir=$layers/$2.work" overlay "$1"; }
if ! overlay /etc etc 2>/dev/null; then
  layers=$folder/memory
  mkdir "$layers"
  mount -t tmpfs -o mode=755 tmpfs "$layers"
  cp -a "$folder/etc" "$folder/etc.work" "$folder/lib" "$folder/lib.work" "$layers"
  overlay /etc etc
fi
overlay /var/lib lib
for own; do
  mkdir -p "$own"
  mount --bind "$folder/own$own" "$own"
done

# What is mounted below /run is no business of this machine, and a namespace that is bound to a file would live on
# in this copy of the mount after it is let go outside.
set --
while read -r _ _ _ _ point rest; do
  case "$point $rest" in /run/* | *' - nsfs '*) set -- "$point" "$@" ;; esac
done </proc/self/mountinfo
if [ $# -gt 0 ]; then umount --lazy "$@" 2>/dev/null || :; fi

# /run hides the lab's own folder, so it comes after the mounts from there.
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs /run
mkdir -m 1777 /run/lock
mkdir /run/old

# sysfs shows the network namespace of whoever mounts it. What was mounted in the old one (cgroups of both versions,
# securityfs, bpf) moves over; whatever is mounted below it goes with it.
mount --move /sys /run/old
mount -t sysfs sysfs /sys
moved=/
while read -r _ _ _ _ point _; do
  case $point in
    "$moved"/*) ;;
    /run/old/*)
      mount --move "$point" "/sys${point#/run/old}"
      moved=$point
      ;;
  esac
done <<END
$(cat /proc/self/mountinfo)
END
umount --recursive --lazy /run/old

# The old /proc goes away altogether: it would show the processes of the outside.
mount --move /proc /run/old
mount -t proc proc /proc
umount --recursive --lazy /run/old
rmdir /run/old

echo "ready $pid"
read -r word || exit 0
[ "$word" = stay ] || exit 0
exec </dev/null >/dev/null 2>&1
trap 'exit 0' TERM
# The shell reaps whatever ends while it waits for a child of its own.
while :; do
  sleep 2147483647 &
  wait $! || :
done
