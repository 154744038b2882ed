/**
 * Init systems for the audit of permissions: their programs, and a display manager that these start and stop.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { until } from "../until.ts";
import { guest, pci } from "./guest.ts";
import { OWN, type TestMachine } from "./machine.ts";

/** What systemd answers: a display manager that is starting, a login prompt. */
export const SYSTEMCTL = `#!/bin/bash
case " $* " in
  *" start "*" gdm.service "*) touch /run/gdm ;;
  *" stop "*" gdm.service "*) rm -f /run/gdm ;;
  *" show "*) for unit; do case $unit in
    display-manager.service) printf 'Id=gdm.service\\nActiveState=activating\\nJob=7\\n\\n' ;;
    gdm.service) printf 'Id=%s\\nActiveState=%s\\n\\n' $unit $([ -e /run/gdm ] && echo active || echo inactive) ;;
    getty@tty1.service) printf 'Id=%s\\nActiveState=active\\n\\n' $unit ;;
    *.service) printf 'Id=%s\\nActiveState=inactive\\n\\n' $unit ;;
  esac; done ;;
  *" is-system-running "*) echo running ;;
esac`;
/** The same of logind and elogind: ann's session. */
export const LOGINCTL = `#!/bin/bash
case $1 in
  list-sessions) echo '1 1000 ann seat0 tty1' ;;
  terminate-session) kill $(pidof weston) ;;
  show-session) printf '%s\\n' Id=1 Name=ann User=1000 Seat=seat0 TTY=tty1 Type=tty Class=user Remote=no ;;
esac`;

/** The display manager is up while this is there, and cannot be started while /run/broken is. */
const UP = "/run/dm";
const STOP = `rm -f ${UP}; kill $(pidof lightdm)`;
const START = `if [ -e /run/broken ]; then exit 1; fi; touch ${UP}`;

/** Programs of init systems, lines of bash, by the name of the process 1. */
const INITS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "openrc-init": {
    "/sbin/rc-service": `case " $* " in
  *" stop "*) ${STOP}; rm /run/openrc/started/lightdm ;;
  *" start "*) ${START}; touch /run/openrc/started/lightdm ;;
esac`,
  },
  "runit": {
    "/usr/bin/sv": `case "$1" in
  down) ${STOP} ;;
  start | -w) ${START}; echo 'ok: run: lightdm: (pid 812) 0s' ;;
  *) shift; for name; do
      if [ $name = lightdm -a -e ${UP} ]; then echo "run: $name: (pid $$) 5s"
      else echo "fail: $name: unable to change to service directory: file does not exist"; fi
    done ;;
esac`,
  },
  "s6-svscan": {
    "/usr/bin/s6-rc": `case " $* " in
  *" -d "*) ${STOP} ;;
  *" -u "*) ${START} ;;
  *) if [ -e ${UP} ]; then echo lightdm; fi ;;
esac`,
    "/usr/bin/s6-svstat": `if [ -e ${UP} ]; then echo true true; else echo false false; fi`,
    "/usr/bin/s6-svc": "exit 0",
  },
  "dinit": {
    "/usr/bin/dinitctl": `case " $* " in
  *" stop "*) ${STOP} ;;
  *" start "*) ${START} ;;
  *) echo "[[+]     ] boot"; if [ -e ${UP} ]; then echo "[[+]     ] lightdm (pid: $$)"; else echo "[     {-}] lightdm"; fi ;;
esac`,
  },
};

/** What keeps a host awake: it runs a program meanwhile. */
export const INHIBIT = `#!/bin/bash
until [ "$1" = -- ]; do shift; done
"\${@:2}"
exit
`;

/** Puts the programs in place. */
export function putInits({ ns }: TestMachine): void {
  for (const [program, lines] of Object.values(INITS).flatMap(Object.entries)) {
    ns.write(program, `#!/bin/bash\n${lines}\n`, 0o755);
  }
}

/** What looks like the supervisor that s6 has for the service; it stays. */
const SUPERVISOR = `mkdir -p /run/service/lightdm; cd /run/service/lightdm; mkfifo wait; echo 'read <>wait' >lightdm
  setsid -f bash -c 'exec -a s6-supervise bash lightdm' >/dev/null 2>&1 </dev/null`;

/** The display manager runs, and has the card open; gives what is kept when it has gone. */
async function managerUp({ ns }: TestMachine): Promise<() => Promise<unknown>> {
  const manager = ns.spawn(["/bin/bash", "-c", "exec /tmp/lightdm 1000 3</dev/dri/card1"]);
  await until("the display manager", async () => (await ns.pidsOf("/tmp/lightdm")).length > 0);
  await ns.bash(`touch ${UP}; mount --bind /tmp/cgroup /run/virt-aid/proc/$(pidof lightdm)/cgroup`);
  return () => manager.status;
}

/** With each of them a display manager goes, and comes back: at the second try, at the first, when the start has failed. */
export async function handOverWithInits(machine: TestMachine, card: string): Promise<void> {
  const { ns, host } = machine;
  await ns.bash("cp /usr/bin/sleep /tmp/lightdm; echo 0::/ >/tmp/cgroup");
  await ns.bash(SUPERVISOR);
  await ns.run(`${OWN}/virt-aid`, "recover"); // makes the views
  const create = () => machine.create(guest("win", pci(card)));
  for (const name of Object.keys(INITS)) {
    ns.write("/tmp/comm", `${name}\n`);
    const openrc = name.startsWith("openrc");
    await ns.bash(
      `mount --bind /tmp/comm /run/virt-aid/proc/1/comm; rm -rf /run/openrc
      ${openrc ? "mkdir -p /run/openrc/started; touch /run/openrc/{softlevel,started/lightdm}" : ""}`,
    );
    const back = () => assertEquals([ns.has(UP), machine.journals, machine.changed], [true, [], {}], machine.log);
    let gone = await managerUp(machine);
    assertEquals((await create()).stderr, "", `${name}\n${machine.log}`);
    await gone();
    assertEquals(ns.has(UP), false);
    ns.write("/run/broken", "");
    await machine.must("destroy", "win");
    await machine.unattended("/usr/local/lib/audited");
    await ns.bash("rm /run/broken");
    await ns.run(`${OWN}/virt-aid`, "recover");
    back();
    if (name === "s6-svscan") { // has programs that run only where all goes well
      gone = await managerUp(machine);
      assertEquals((await create()).stderr, "");
      await gone();
      await machine.must("destroy", "win");
      back();
      gone = await managerUp(machine);
      host.fault({ name: "bind-fails", at: card });
      assertStringIncludes((await create()).stderr, "everything was put back");
      await gone();
      host.heal();
      back();
    }
    await ns.bash("umount /run/virt-aid/proc/1/comm");
  }
}
