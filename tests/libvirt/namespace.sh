#!/bin/bash
# First process of a namespace: makes a machine of its own out of this one and lives until standard input ends; all other
# processes of the namespace die with it. Everything written lands in memory: / is an overlay, and /dev, /run, /proc and
# /sys are new. Nothing of the real machine is touched.
#
#   namespace.sh REPOSITORY DENO: the folder is there as it is, read-only; the program is there as /opt/deno.
set -e
repository=$1 deno=$2
mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root
cd /mnt/root
mkdir -p ".$repository" opt
mount --bind "$repository" ".$repository"
mount -o remount,bind,ro ".$repository"
touch opt/deno
mount --bind "$deno" opt/deno
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
for node in null,3 zero,5 full,7 random,8 urandom,9; do mknod -m 666 "dev/${node%,*}" c 1 "${node#*,}"; done
mkdir dev/pts dev/shm
chmod 1777 dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
# A /dev/kvm that is there and of no use: without one, libvirt asks QEMU what it can do anew at every look, 5 s a start.
touch dev/kvm
mount --bind dev/kvm dev/kvm
mount -o remount,bind,ro dev/kvm
pivot_root . mnt
umount -l /mnt
rm -rf /etc/libvirt/hooks /etc/libvirt/qemu /var/lib/libvirt /var/cache/libvirt /var/log/libvirt
rm -rf /etc/virt-aid /var/lib/virt-aid /var/log/virt-aid
mkdir -p -m 755 /etc/libvirt/hooks/virt-aid /var/lib/libvirt /run/lock
echo ready
while read -r _; do :; done
