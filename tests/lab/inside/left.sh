#!/bin/bash
# Prints what is left of our work and should not be, a line each, and `looked` at its end.
find /run/virt-aid -mindepth 1 \( -path /run/virt-aid/sys -o -path /run/virt-aid/proc \) -prune -o -print 2>/dev/null |
  grep -vxE '/run/virt-aid/(guests|lock|views\.lock|guests/[-0-9a-f]+(\.takeover(-[0-9]+)?)?\.lock)' | sed 's/^/left: /'
findmnt -rno TARGET | grep /run/virt-aid | sort | uniq -c |
  grep -vxE ' *1 /run/virt-aid/(sys|proc)' | sed 's/^ */mounts of our views: /'
find /proc/[0-9]*/exe -maxdepth 0 -lname '/etc/libvirt/hooks/*' -printf 'still runs: %p %l\n' 2>/dev/null
if guests=$(timeout 20 virsh -q list --name); then
  for guest in $guests; do echo "guest still runs: $guest"; done
else
  echo 'libvirt does not answer'
fi
grep -L '"outcome":' /var/lib/virt-aid/history/*.json 2>/dev/null | sed 's/^/no history: /'
echo looked
