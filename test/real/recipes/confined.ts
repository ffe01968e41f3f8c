/**
 * What a unit of systemd forbids a service, as far as that can be had without systemd as the first process: privileges,
 * system calls and families of addresses. The folders that the unit hides or protects are not.
 */

import { spawnSync } from "node:child_process";
import { ordinary, program, unpacked } from "../programs";

/** What must be installed, for `lacking`. */
export const PARTS = [
  "python3-seccomp/usr/lib/python3/dist-packages",
  "python3",
  "systemd-analyze",
  "setpriv",
] as const;

/** Runs a command under filters. Before it come the folder of seccomp, the permitted calls, the permitted families. */
const FILTERED = `
import errno, os, socket, sys
folder, calls, families, *command = sys.argv[1:]
sys.path.insert(0, folder)
from seccomp import ALLOW, EQ, ERRNO, Arg, SyscallFilter
permitted = [getattr(socket, family) for family in families.split()]
sockets = SyscallFilter(ALLOW)
for family in range(64):
    if family not in permitted:
        sockets.add_rule(ERRNO(errno.EAFNOSUPPORT), "socket", Arg(0, EQ, family))
listed = SyscallFilter(ERRNO(errno.EPERM))
for call in calls.split():
    try:
        listed.add_rule(ALLOW, call)
    except RuntimeError:
        pass  # a call that this machine does not have
sockets.load()
listed.load()
os.execvp(command[0], command)
`;

/** The words before a command that start it as the service of this unit. Root becomes an ordinary user in it. */
export function confining(unit: string): string[] {
  const words = (key: string) => [...unit.matchAll(new RegExp(`^${key}=(.*)$`, "gm"))].map(([, value = ""]) => value);
  const calls = new Set<string>();
  for (const list of words("SystemCallFilter")) {
    const named = list.replace("~", "").split(" ").flatMap(members);
    for (const call of named) list.startsWith("~") ? calls.delete(call) : calls.add(call);
  }
  const families = words("RestrictAddressFamilies").join(" ");
  const bounds = (key: string) => `-all,+${words(key).join().replace("CAP_", "").toLowerCase()}`;
  const ambient = bounds("AmbientCapabilities");
  const rights = [
    ...["--reuid", `${ordinary.uid}`, "--regid", `${ordinary.gid}`, "--clear-groups"],
    ...["--inh-caps", ambient, "--ambient-caps", ambient, "--bounding-set", bounds("CapabilityBoundingSet")],
  ];
  const given = [program("setpriv"), "--no-new-privs", ...(ordinary.uid === undefined ? [] : rights)];
  return [...given, program("python3"), "-c", FILTERED, unpacked(PARTS[0]), [...calls].join(" "), families];
}

/** The system calls of systemd's group of this name, or the one call of this name. */
function members(name: string): string[] {
  if (!name.startsWith("@")) return [name];
  const { stdout } = spawnSync(program("systemd-analyze"), ["syscall-filter", name], { encoding: "utf8" });
  const lines = stdout.split("\n").slice(1);
  return lines
    .map((line) => line.trim())
    .filter((line) => /^[@\w]/.test(line))
    .flatMap(members);
}
