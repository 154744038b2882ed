#!/usr/bin/python3
"""at-entry UUID STATE N [SIGNAL WHO...]: waits until the guest's journal is in this state with N entries that count (those
begun where it is applying, those taken back where it is undoing), and sends a signal to processes. WHO is a process id,
`phase`, whose id is in the lock's file, or `dispatcher`, which has started it. It does nothing but look, so the signal
comes within the step that the journal has just announced. Touches /run/lab/UUID when it looks; prints the step; status 1
when it did not come within a minute."""

import json
import os
import signal
import sys
import time

uuid, state, count, number, *who = (sys.argv[1:] + ["KILL"])[:4] + sys.argv[5:]
path = f"/run/virt-aid/guests/{uuid}"
counts = {"applying": lambda entry: True, "undoing": lambda entry: entry["state"] in ("undoing", "undone")}[state]


def text(name):
    with open(name, encoding="utf-8") as file:
        return file.read()


def pid_of(name):
    if name.isdigit():
        return int(name)
    phase = int(text(path + ".lock"))
    return phase if name == "phase" else int(text(f"/proc/{phase}/stat").rsplit(")", 1)[1].split()[1])


os.close(os.open(f"/run/lab/{uuid}", os.O_CREAT))
end = time.monotonic() + 60
while time.monotonic() < end:
    try:
        journal = json.loads(text(path + ".json"))
    except FileNotFoundError:
        continue
    if journal["state"] != state or len(list(filter(counts, journal["entries"]))) < int(count):
        continue
    for pid in [pid_of(name) for name in who]:
        os.kill(pid, signal.Signals["SIG" + number])
    os.unlink(f"/run/lab/{uuid}")
    print(json.dumps(journal["entries"][-1]["step"]))
    sys.exit(0)
sys.exit(1)
