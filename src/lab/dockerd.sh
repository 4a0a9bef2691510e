#!/bin/sh
# Docker as one machine of the lab has it: dockerd with its own defaults, and containerd as its child. Started again, it
# finds what it left.
#
#   sh dockerd.sh
#
# Runs inside the machine's namespaces. What dockerd keeps lies in memory and goes with the machine. Its containers'
# cgroups lie below landline-lab/NAME of every hierarchy, where whoever clears the lab away finds them.
set -eu
root=/sys/fs/cgroup
is_v2=$([ ! -e $root/cgroup.controllers ] || echo yes)

# Inside: now landline-lab/NAME is the root of each hierarchy (cgroup_namespaces(7)), and what is mounted here shows it
# so to the whole machine: paths are as on any host.
if [ "${1-}" = --inside ]; then
  if [ -n "$is_v2" ]; then
    umount $root
    mount -t cgroup2 cgroup2 $root
    # A group that hands controllers down has no processes of its own.
    mkdir -p $root/init
    echo 0 >$root/init/cgroup.procs
    for controller in $(cat $root/cgroup.controllers); do
      echo "+$controller" >$root/cgroup.subtree_control 2>/dev/null || :
    done
  else
    while read -r _ point type options _; do
      case $point in $root/*) ;; *) continue ;; esac
      case $type:$options in
        cgroup2:*) only= ;;
        *name=*) only=none,name=${options##*name=} only=${only%%,[a-mo-z]*} ;;
        *) only=${point#"$root"/} ;;
      esac
      umount "$point"
      mount -t "$type" ${only:+-o "$only"} "$type" "$point"
    done <<END
$(cat /proc/self/mounts)
END
  fi
  exec dockerd
fi

hierarchies=$root
if [ -z "$is_v2" ]; then hierarchies=$root/*; fi

# The second time the machine sees its own part alone.
if mountpoint -q /var/lib/docker; then
  for hierarchy in $hierarchies; do
    folder=$hierarchy
    if [ -n "$is_v2" ]; then folder=$root/init; fi
    echo 0 >"$folder/cgroup.procs"
  done
  exec unshare --cgroup dockerd
fi

# join FOLDER PART…: makes the group PART/… there, ready to hold processes, and moves this one into it.
join() {
  folder=$1
  shift
  for part; do
    # Version 2: controllers are handed down level by level.
    for controller in $(cat "$folder/cgroup.controllers" 2>/dev/null); do
      echo "+$controller" >"$folder/cgroup.subtree_control" 2>/dev/null || :
    done
    mkdir -p "$folder/$part"
    # Version 1: a group without CPUs and memory nodes takes no process.
    for file in cpuset.cpus cpuset.mems; do
      if [ -e "$folder/$part/$file" ] && [ -z "$(cat "$folder/$part/$file")" ]; then
        cat "$folder/$file" >"$folder/$part/$file"
      fi
    done
    folder=$folder/$part
  done
  echo 0 >"$folder/cgroup.procs"
}
# Process 1 has the lab's mark as its third argument: landline-lab/NAME/MACHINE.
name=$(tr '\0' '\n' </proc/1/cmdline | sed -n '3s,^landline-lab/\(.*\)/[^/]*$,\1,p')
for hierarchy in $hierarchies; do join "$hierarchy" landline-lab "$name"; done

# Overlayfs, which Docker wants for its images, cannot lie on overlayfs, as /var/lib does here.
mkdir -p /var/lib/docker
mount -t tmpfs -o mode=711 tmpfs /var/lib/docker
exec unshare --cgroup sh "$0" --inside
