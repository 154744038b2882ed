#!/bin/bash
# Prints what a hand-over may change, a line each: `what: value`.
shopt -s nullglob
cd /sys/bus/pci/devices || exit
for function in *; do
  driver=$(readlink "$function/driver")
  echo "$function driver: ${driver##*/}"
  for attribute in driver_override power/control d3cold_allowed; do
    [ ! -e "$function/$attribute" ] || echo "$function $attribute: $(<"$function/$attribute")"
  done
done
for console in /sys/class/vtconsole/*; do echo "$(<"$console/name") bound: $(<"$console/bind")"; done
findmnt -rno TARGET | grep -vE '^(/run/virt-aid|/etc/libvirt/hooks|/run/user)' | sed 's/$/ mounted: yes/'
echo "starts of libvirtd that systemd had to repeat: $(systemctl show -P NRestarts libvirtd)"
