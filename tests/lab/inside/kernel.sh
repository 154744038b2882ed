#!/bin/bash
# Prints the kernel's messages from warnings up, and crashes of programs, which it takes for less than that.
dmesg --kernel --decode --notime |
  sed -nE '/^kern +:(emerg|alert|crit|err|warn) *:|segfault|general protection|traps:/s/^kern +:[a-z]+ *: //p'
