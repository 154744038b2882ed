#!/usr/bin/python3
"""hold-unseen NODE: keeps a device node open in a way that no look at /proc finds: its descriptor is on the way through a
socket, and nobody has it. Prints `held` when it is so; lets go when it ends."""

import os
import signal
import socket
import sys

ours, theirs = socket.socketpair()
node = os.open(sys.argv[1], os.O_RDWR)
socket.send_fds(ours, [b"x"], [node])
os.close(node)
print("held", flush=True)
signal.pause()
