/** loginctl of the simulated host, as systemd 252 has it. */

import { assertEquals } from "@std/assert";
import type { SessionSpec } from "./desktop.ts";
import { server } from "./machines.ts";
import { hostOf, on, run } from "./on.ts";

const ANN = {
  uid: 1000,
  user: "ann",
  class: "user",
  processes: [{ comm: "worker", args: ["/usr/libexec/worker"] }],
} as const;
const DESKTOP: SessionSpec = { ...ANN, id: "2", seat: "seat0", type: "wayland", tty: "tty2", service: "gdm-password" };
const SSH: SessionSpec = { ...ANN, id: "15", type: "tty", remote: true, service: "sshd" };

Deno.test("list-sessions and show-session: as systemd 252 prints them", async () => {
  const host = hostOf({ ...server, sessions: [DESKTOP, SSH] });
  await on(host, async (system) => {
    const list = await run(system, "loginctl list-sessions --no-legend");
    assertEquals(list.stdout, "15 1000 ann           \n 2 1000 ann seat0 tty2\n");
    const all = "Leader,Scope,Service,State,Id,User,Name,Seat,TTY,Type,Class,Remote,Active,Nonsense";
    const properties = all.split(",").map((name) => `--property=${name}`).join(" ");
    const { stdout } = await run(system, `loginctl show-session ${properties} -- 2 15`);
    const leaders = ["2", "15"].map((id) => host.logind.sessions.get(id)!.leader.pid);
    assertEquals(stdout.split("\n\n").map((block) => block.trim().split("\n")), [
      [
        ...["Id=2", "User=1000", "Name=ann", "Seat=seat0", "TTY=tty2", "Remote=no", "Service=gdm-password"],
        ...[
          "Scope=session-2.scope",
          `Leader=${leaders[0]}`,
          "Type=wayland",
          "Class=user",
          "Active=yes",
          "State=active",
        ],
      ],
      [
        ...["Id=15", "User=1000", "Name=ann", "Seat=", "TTY=", "Remote=yes", "Service=sshd"],
        ...["Scope=session-15.scope", `Leader=${leaders[1]}`, "Type=tty", "Class=user", "Active=yes", "State=active"],
      ],
    ]);
    assertEquals((await run(system, "loginctl show-session --property=Id -- 2 9")).code, 1);
    assertEquals(
      (await run(system, "loginctl terminate-session -- 9")).stderr,
      "Could not terminate session: No session '9' known\n",
    );
    for (const line of ["list-sessions", "terminate-session 2", "terminate-user -- ann", "kill-session -- 2"]) {
      assertEquals((await run(system, `loginctl ${line}`)).code, 1, line);
    }
  });
  const none = hostOf(server);
  await on(none, async (system) => {
    assertEquals((await run(system, "loginctl list-sessions --no-legend")).stdout, "");
  });
});
