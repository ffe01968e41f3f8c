/**
 * A machine of its own: namespaces with a root directory, in which a first process runs. Needs root. All its processes
 * end with the test. Its network has only a loopback interface.
 */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import type { TestContext } from "node:test";
import { atEnd } from "../../stage/ending";
import { until } from "../../stage/waiting";
import { program, run, start, stop } from "../programs";

/** The environment of a machine's processes. */
const PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";

/** What the first process alone has besides, which tells systemd where it is. */
const MARK = "container=private";

/**
 * In the machine's namespaces: $0 is its root directory, the rest are the words of the first process. systemd wants the
 * root directory to be a mount that is shared, and a /dev that is whole.
 */
const SETTING = `
mount --make-rprivate /
mount --bind "$0" "$0"
mount -t proc proc "$0/proc"
mount -t sysfs sysfs "$0/sys"
mount -t cgroup2 cgroup2 "$0/sys/fs/cgroup"
for folder in run tmp dev; do mount -t tmpfs tmpfs "$0/$folder"; done
for device in null zero full random urandom tty; do
  touch "$0/dev/$device"
  mount --bind "/dev/$device" "$0/dev/$device"
done
ln -s pts/ptmx "$0/dev/ptmx"
ip link set lo up
cd "$0"
mkdir old
pivot_root . old
umount -l /old
rmdir /old
mount --make-rshared /
exec env -i ${MARK} ${PATH} "$@"`;

/** A machine that runs. */
export interface Machine {
  /** The first process, as this machine knows it. */
  readonly pid: number;
  /** Runs a script of bash in it, as root. @returns what it has said, on both streams @throws if it fails */
  run(script: string): Promise<string>;
  /** Resolves when the first process has ended, with its exit status. */
  readonly ended: Promise<number | null>;
}

/** Starts a machine. @param words the first process */
export async function startMachine(t: TestContext, root: string, words: readonly string[]): Promise<Machine> {
  // A group of control groups of its own: systemd takes the one that it is started in for the whole machine's.
  const group = `pop3.proxy-test-${process.pid}-${++machines}`;
  const hidden = (script: string) =>
    ["--mount", "sh", "-ec", `mount -t tmpfs tmpfs /mnt; mkdir /mnt/groups; ${MOUNT_GROUPS}; ${script}`] as const;
  const enter = `mkdir /mnt/groups/${group}; echo $$ > /mnt/groups/${group}/cgroup.procs; exec "$0" "$@"`;
  const namespaces = ["--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child"];
  const inside = [program("unshare"), ...namespaces, "sh", "-ec", SETTING, root, ...words];
  const child = start(program("unshare"), [...hidden(enter), ...inside], { asRoot: true });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: Buffer) => (said += chunk));
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  atEnd(t, async () => {
    await stop(child, "SIGKILL");
    const clear = `find /mnt/groups/${group} -depth -type d -exec rmdir {} +`;
    const gone = () => run(program("unshare"), [...hidden(clear)], { asRoot: true });
    await until(
      async () => (await gone()).code === 0,
      () => `control groups of ${group} are left`,
    );
  });
  const pid = await until(
    () => childrenOf(child.pid as number).find(isFirst) ?? child.exitCode !== null,
    () => said,
  );
  if (typeof pid !== "number") assert.fail(said);
  return {
    pid,
    ended,
    async run(script) {
      const bash = ["env", "-i", PATH, "HOME=/root", "TERM=dumb", "bash", "-ec", `exec 2>&1; ${script}`];
      const argv = ["-t", `${pid}`, "-m", "-p", "-n", "-u", "-i", "-C", ...bash];
      const { code, stdout, stderr } = await run(program("nsenter"), argv, { asRoot: true, limit: 300 });
      assert.equal(code, 0, `${script}: ${stdout}${stderr}${said}`);
      return `${stdout}`;
    },
  };
}

let machines = 0;

const MOUNT_GROUPS = "mount -t cgroup2 cgroup2 /mnt/groups";

/** The processes that another one has started. */
function childrenOf(parent: number): number[] {
  const processes = readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name));
  return processes.map(Number).filter((pid) => {
    try {
      return new RegExp(`^PPid:\\t${parent}$`, "m").test(readFileSync(`/proc/${pid}/status`, "latin1"));
    } catch {
      return false;
    }
  });
}

/** Whether a process is the first of a machine, behind all that makes one. */
function isFirst(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1").startsWith(MARK);
  } catch {
    return false;
  }
}

/** Copies a root directory. */
export function copied(from: string, to: string): string {
  execFileSync("cp", ["-a", "--reflink=auto", from, to]);
  return to;
}

/** A script of bash that logs in at port 110 of the machine, or another one, and prints what the gateway says. */
export const session = (port = 110) =>
  `exec 3<> /dev/tcp/127.0.0.1/${port}; printf '%s\\r\\n' 'USER me' 'PASS demo' 'RETR 1' QUIT >&3; timeout 300 cat <&3;`;

/** What it prints. */
export const SESSION = /^\+OK POP3 server ready\r\n.*\r\nSubject: Welcome\r\n.*\r\n\.\r\n\+OK bye\r\n$/s;
