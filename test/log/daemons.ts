/**
 * Small syslog daemons for tests, on 127.0.0.1 or on a socket's path, that keep what they get and can be away,
 * stalled, or killed; and what a test needs to ask them.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { createSocket, type Socket as Datagrams } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { claimedPort } from "../stage/ports";
import { until as untilHolds } from "../stage/waiting";

/**
 * Waits until it holds, as long as something comes.
 *
 * @param what differs from look to look while something comes: a count, or a text that grows
 */
export async function until(holds: () => boolean, what: () => unknown = () => holds): Promise<void> {
  await untilHolds(holds, what, { progress: () => String(what()) });
}

/**
 * Tries what has to be done within the second that a close may take. A machine that is too busy for it shows nothing:
 * the last one of ten tries counts in any case.
 *
 * @param play gets a log ready for its close, and gives what holds it against the outcome
 */
export async function closedInTime(play: () => Promise<{ log: Closing; check: () => Promise<void> }>): Promise<void> {
  for (let tries = 1; ; tries++) {
    const { log, check } = await play();
    const began = performance.now();
    await log.close();
    if (performance.now() - began < 950 || tries === 10) return check();
  }
}

interface Closing {
  close(): Promise<void>;
}

/** A folder of the test's own. */
export function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "pop3.proxy-log-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** How many messages these lines say were lost. */
export function lostIn(lines: readonly string[]): number {
  return lines.reduce((sum, line) => sum + Number(/\blost messages=(\d+)$/.exec(line)?.[1] ?? 0), 0);
}

/** The numbers n of the lines that end in `n=...`, as they came. */
export function numbersIn(lines: readonly string[]): number[] {
  return lines.flatMap((line) => /\bn=(\d+)$/.exec(line)?.[1] ?? []).map(Number);
}

/** A syslog daemon of UDP or TCP inside the test's process. */
export interface Daemon {
  readonly port: number;
  /** One message each, as they came; of TCP without line ends. */
  readonly lines: string[];
  /** Open sockets that it has taken, in all; TCP only. */
  connections(): number;
  /** Goes away, and takes what nobody has read with it. */
  stop(): Promise<void>;
  /** Is there again, at the same port. */
  start(): Promise<void>;
  /** Reads nothing, until it is told to; TCP only. */
  stall(stalled: boolean): void;
}

/** A daemon that is not there yet. */
export async function udpDaemon(t: TestContext): Promise<Daemon> {
  const lines: string[] = [];
  let socket: Datagrams | null = null;
  const listen = async (port: number) => {
    const next = createSocket("udp4").on("message", (octets) => lines.push(octets.toString("latin1")));
    next.bind(port, "127.0.0.1");
    await once(next, "listening");
    socket = next;
  };
  const stop = async () => {
    const closed = socket ? once(socket, "close") : null;
    socket?.close();
    socket = null;
    await closed;
  };
  const port = await anyPort(listen);
  await stop();
  t.after(stop);
  return { port, lines, connections: () => 0, stop, start: () => listen(port), stall: () => {} };
}

/** A daemon that is not there yet. */
export async function tcpDaemon(t: TestContext): Promise<Daemon> {
  const lines: string[] = [];
  const sockets = new Set<Socket>();
  let server: Server | null = null;
  let stalled = false;
  let connections = 0;
  const take = (socket: Socket) => {
    let rest = "";
    connections++;
    sockets.add(socket);
    if (stalled) socket.pause();
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (octets) => {
      const parts = (rest + octets.toString("latin1")).split("\n");
      rest = parts.pop() as string;
      for (const part of parts) lines.push(part);
    });
  };
  const listen = async (port: number) => {
    const next = createServer({ pauseOnConnect: false }, take).listen(port, "127.0.0.1");
    await once(next, "listening");
    server = next;
  };
  const stop = async () => {
    for (const socket of sockets) socket.resetAndDestroy();
    const closed = server ? once(server, "close") : null;
    server?.close();
    server = null;
    await closed;
  };
  const port = await anyPort(listen);
  await stop();
  t.after(stop);
  return {
    port,
    lines,
    connections: () => connections,
    stop,
    start: () => listen(port),
    stall(wanted) {
      stalled = wanted;
      for (const socket of sockets) stalled ? socket.pause() : socket.resume();
    },
  };
}

/** A port that stays free while the daemon is away. */
async function anyPort(listen: (port: number) => Promise<void>): Promise<number> {
  for (;;) {
    const port = await claimedPort();
    const taken = await listen(port).then(
      () => false,
      () => true,
    );
    if (!taken) return port;
  }
}

/** A daemon on a datagram socket in the file system, in perl: Node has no such sockets. */
export interface LocalDaemon {
  readonly path: string;
  readonly lines: string[];
  start(): Promise<void>;
  /** SIGKILL: its socket's file stays. */
  kill(): Promise<void>;
  signal(name: NodeJS.Signals): void;
}

const LISTEN = `
use Socket; $| = 1; my $path = shift; unlink $path;
socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die $!;
bind($s, sockaddr_un($path)) or die $!;
print "ready\\n";
while (defined recv($s, my $octets, 65536, 0)) { print "$octets\\n" }
`;

/** @param path where its socket will be; it is not there yet */
export function localDaemon(t: TestContext, path: string): LocalDaemon {
  const lines: string[] = [];
  let child: ChildProcess | null = null;
  const kill = async () => {
    const exit = child && child.exitCode === null && child.signalCode === null ? once(child, "close") : null;
    child?.kill("SIGKILL");
    child = null;
    await exit;
  };
  t.after(kill);
  return {
    path,
    lines,
    kill,
    signal: (name) => void child?.kill(name),
    async start() {
      const next = spawn("/usr/bin/perl", ["-e", LISTEN, path], { stdio: ["ignore", "pipe", "inherit"] });
      child = next;
      let rest = "";
      let ready = false;
      next.stdout.on("data", (octets: Buffer) => {
        const parts = (rest + octets.toString("latin1")).split("\n");
        rest = parts.pop() as string;
        for (const part of parts) {
          if (ready) lines.push(part);
          ready = true;
        }
      });
      await until(
        () => ready,
        () => "perl is not ready",
      );
    },
  };
}
