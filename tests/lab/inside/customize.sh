#!/bin/bash
# Makes the lab's machine out of a bare Debian in the folder $1. Files of this folder go with it.
set -eu
root=$1
here=$(dirname "$0")
install -D -m 0755 -t "$root/usr/local/lib/lab" "$here"/*.sh "$here"/*.py
install -D -m 0644 "$here/agent.service" "$root/etc/systemd/system/lab-agent.service"
install -D -m 0644 /dev/stdin "$root/etc/systemd/system/serial-getty@hvc0.service.d/autologin.conf" <<'X'
[Service]
ExecStart=
ExecStart=-/sbin/agetty --autologin root --noclear --keep-baud hvc0 xterm-256color
X
# The firmware of guests that only have to be there: it halts the CPU at once. All that an emulated machine emulates for
# a guest is missing for the host.
firmware=$root/usr/local/lib/lab/halt.bin
truncate -s 64K "$firmware"
printf '\xfa\xf4\xeb\xfd' | dd of="$firmware" bs=1 seek=65520 conv=notrunc status=none # cli; hlt; jmp to hlt
mkdir -p "$root/etc/libvirt/hooks"
# The programs are on a disk of their own: the image stays as it is when they change.
echo '/dev/vdb /etc/libvirt/hooks ext4 nofail,x-systemd.before=libvirtd.service 0 0' >"$root/etc/fstab"
echo lab >"$root/etc/hostname"
passwd --root "$root" -q -d root
systemctl --root "$root" -q enable lab-agent.service serial-getty@hvc0.service
# Desktops are there and started by those who want one.
systemctl --root "$root" -q set-default multi-user.target
useradd --root "$root" --create-home --shell /bin/bash ann
passwd --root "$root" -q -d ann
install -D -m 0755 /dev/stdin "$root/home/ann/.xinitrc" <<'X'
xsetroot -solid '#336699'
exec sleep infinity
X
# What the emulated CPU offers for guests is slower than emulating them, and to switch it off from outside breaks it.
echo 'blacklist kvm_amd' >"$root/etc/modprobe.d/lab.conf"
ln -s /etc/libvirt/hooks/virt-aid/virt-aid "$root/usr/local/bin/virt-aid"
# ttyS0 belongs to the kernel's messages; nothing else is to happen at a time of its own choice.
systemctl --root "$root" -q mask serial-getty@ttyS0.service apt-daily.timer apt-daily-upgrade.timer \
  dpkg-db-backup.timer e2scrub_all.timer fstrim.timer systemd-timesyncd.service systemd-tmpfiles-clean.timer
