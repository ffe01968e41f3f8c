/**
 * Real superservers: openbsd-inetd and xinetd, only unpacked, and systemd's way to try a socket unit. Each starts node
 * with the given arguments for clients of one port. They run as whoever runs the tests; what they start gives up root
 * by itself.
 */

import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { chmodSync, readdirSync, readFileSync } from "node:fs";
import { userInfo } from "node:os";
import { basename, join } from "node:path";
import type { TestContext } from "node:test";
import { atEnd } from "../stage/ending";
import { freePort } from "../stage/ports";
import { until } from "../stage/waiting";
import { program, start, stop, unpacked } from "./programs";
import { put, scratch } from "./scratch";

/** What is started for a client. */
export interface Service {
  readonly host: "127.0.0.1" | "::1";
  /** node's arguments; the last one is like no other's, since the processes are known by it. */
  readonly argv: readonly string[];
}

export interface Served {
  readonly port: number;
  /** The processes that were started and run now. */
  processes(): number[];
}

export interface Superserver {
  readonly name: string;
  /** Whether what it starts gets the listening socket, not a connection. */
  readonly waits: boolean;
  /** What must be installed or unpacked, for `lacking`. */
  readonly part: string;
  /** Listens until the test ends; then nothing that it has started may run any more, given some time or a signal. */
  serve(t: TestContext, service: Service): Promise<Served>;
}

export type Launch = (home: string, port: number, service: Service) => ChildProcess;

export function superserver(name: string, waits: boolean, part: string, launch: Launch): Superserver {
  const serve = async (t: TestContext, service: Service): Promise<Served> => {
    const port = await freePort();
    const child = launch(scratch(t), port, service);
    const processes = () => started(service.argv.at(-1) as string);
    atEnd(t, async () => {
      if (waits) for (const pid of processes()) process.kill(pid);
      await settled(processes);
      await stop(child);
      const left = processes();
      for (const pid of left) process.kill(pid, "SIGKILL");
      assert.deepEqual(left, [], `${name} has left processes behind`);
    });
    const listening = () => {
      assert.equal(child.exitCode, null, `${name} has ended`);
      return listens(port, service.host);
    };
    await until(listening, `${name} does not listen`, { every: 25 });
    return { port, processes };
  };
  return { name, waits, part, serve };
}

/** @param conf what is in its inetd.conf */
export function startInetd(home: string, conf: string): ChildProcess {
  // Its /run/inetd.pid becomes a file of the folder that it is started in: in a copy, by a string of the same length.
  const code = readFileSync(unpacked(INETD), "latin1").replace("/run/inetd.pid\0", "././/inetd.pid\0");
  const file = join(home, "inetd");
  put(file, Buffer.from(code, "latin1"));
  chmodSync(file, 0o700);
  put(join(home, "inetd.conf"), conf);
  return start(file, ["-i", "inetd.conf"], { ...quiet, cwd: home });
}

/** @param conf what is in its xinetd.conf */
export function startXinetd(home: string, conf: string): ChildProcess {
  put(join(home, "xinetd.conf"), conf);
  const files = ["-f", "xinetd.conf", "-pidfile", join(home, "pid"), "-filelog", join(home, "log")];
  return start(unpacked(XINETD), ["-dontfork", ...files], { ...quiet, cwd: home });
}

export function startActivator(home: string, argv: readonly string[]): ChildProcess {
  return start(program(SYSTEMD), argv, { ...quiet, cwd: home });
}

const inetd = (waits: boolean): Launch => {
  return (home, port, { host, argv }) => {
    const [place, protocol] = host === "::1" ? ["[::1]", "tcp6"] : [host, "tcp4"];
    const manner = waits ? "wait.10000" : "nowait.10000";
    const service = [`${place}:${port}`, "stream", protocol, manner, userInfo().username, process.execPath, "node"];
    return startInetd(home, `${[...service, ...argv].join(" ")}\n`);
  };
};

const xinetd = (waits: boolean): Launch => {
  return (home, port, { host, argv }) => {
    const configuration = `
defaults
{
  instances = UNLIMITED
  per_source = UNLIMITED
  cps = 10000 1
}
service test
{
  type = UNLISTED
  flags = NOLIBWRAP ${host === "::1" ? "IPv6" : "IPv4"}
  socket_type = stream
  protocol = tcp
  bind = ${host}
  port = ${port}
  wait = ${waits ? "yes" : "no"}
  user = ${userInfo().username}
  server = ${process.execPath}
  server_args = ${argv.join(" ")}
}
`;
    return startXinetd(home, configuration);
  };
};

const systemd = (...options: readonly string[]): Launch => {
  return (home, port, { host, argv }) => {
    const listen = ["--listen", host === "::1" ? `[::1]:${port}` : `${host}:${port}`];
    return startActivator(home, [...listen, ...options, process.execPath, ...argv]);
  };
};

const quiet = { asRoot: true, stdio: ["ignore", "ignore", "ignore"] as "ignore"[] };
export const INETD = "openbsd-inetd/usr/sbin/inetd";
export const XINETD = "xinetd/usr/sbin/xinetd";
export const SYSTEMD = "systemd-socket-activate";

export const superservers: readonly Superserver[] = [
  superserver("openbsd-inetd, nowait", false, INETD, inetd(false)),
  superserver("openbsd-inetd, wait", true, INETD, inetd(true)),
  superserver("xinetd, wait = no", false, XINETD, xinetd(false)),
  superserver("xinetd, wait = yes", true, XINETD, xinetd(true)),
  superserver("systemd, Accept=no", true, SYSTEMD, systemd("--fdname=none")),
  superserver("systemd, Accept=yes", false, SYSTEMD, systemd("--accept")),
  superserver("systemd, Accept=yes and StandardInput=socket", false, SYSTEMD, systemd("--accept", "--inetd")),
];

/** The processes of node with this as last argument. */
function started(last: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0").slice(0, -1);
        return basename(words[0] ?? "") === "node" && words.at(-1) === last;
      } catch {
        return false;
      }
    });
}

/** Waits until there are none any more. @throws AssertionError if some stay */
export async function settled(processes: () => number[]): Promise<void> {
  const progress = () => processes().length;
  await until(
    () => processes().length === 0,
    () => `processes stay: ${processes()}`,
    { progress, every: 25 },
  );
}

/** Whether somebody listens there: looked up, since a connection would start something. */
function listens(port: number, host: string): boolean {
  const place = `:${port.toString(16).toUpperCase().padStart(4, "0")} `;
  return readFileSync(`/proc/self/net/${host === "::1" ? "tcp6" : "tcp"}`, "latin1")
    .split("\n")
    .some((line) => line.includes(place) && line.trim().split(/ +/)[3] === "0A");
}
