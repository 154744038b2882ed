#!/usr/bin/python3
"""at-entry UUID STATE N [PID [SIGNAL]]: waits until the guest's journal is in this state with N entries that count (those
begun where it is applying, those taken back where it is undoing) and sends a signal, KILL unless it is said, to the
process. PID 0 is the phase itself, whose id is in the lock's file. It does nothing but look, so the signal comes within
the step that the journal has just announced. Prints what it saw; status 1 when it did not come within a minute."""

import json
import os
import signal
import sys
import time

uuid, state, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
pid = int(sys.argv[4]) if len(sys.argv) > 4 else None
number = signal.Signals["SIG" + sys.argv[5]] if len(sys.argv) > 5 else signal.SIGKILL
path = f"/run/virt-aid/guests/{uuid}"
end = time.monotonic() + 60
counts = {"applying": lambda entry: True, "undoing": lambda entry: entry["state"] in ("undoing", "undone")}[state]
while time.monotonic() < end:
    try:
        with open(path + ".json", encoding="utf-8") as file:
            journal = json.load(file)
    except FileNotFoundError:
        continue
    if journal["state"] != state or len(list(filter(counts, journal["entries"]))) < count:
        continue
    if pid is not None:
        if pid == 0:
            with open(path + ".lock", encoding="utf-8") as file:
                pid = int(file.read())
        os.kill(pid, number)
    print(json.dumps(journal["entries"][-1]["step"]))
    sys.exit(0)
sys.exit(1)
