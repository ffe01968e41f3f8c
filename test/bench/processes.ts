/**
 * The processes that a bench measures: each is this file started again with a role, or the gateway itself.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { createDemoServer } from "../../src/demo/server";
import { type Listener, startProcess } from "../stage/process";
import { until } from "../stage/waiting";

/** Octets of each mail that the upstream server has: one large, one of the usual size. */
export const LARGE = 30 * 1024 * 1024;
export const SMALL = 4 * 1024;

export interface Started {
  readonly pid: number;
  readonly port: number;
  /** CPU time of all its threads, in milliseconds. */
  cpu(): number;
  /** Memory that is its own, in KiB (PSS). */
  memory(): number;
  stop(): Promise<void>;
}

/** A server with mails of these sizes: by default a large and a small one. */
export function startUpstream(sizes: readonly number[] = [LARGE, SMALL]): Promise<Started> {
  const argv = [__filename, "upstream", sizes.join(",")];
  return started(spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "inherit"] }));
}

/** The least that a relay in Node can do: two pipes. */
export function startPipe(upstream: number): Promise<Started> {
  return started(
    spawn(process.execPath, [__filename, "pipe", `${upstream}`], { stdio: ["ignore", "pipe", "inherit"] }),
  );
}

/** A server that is this far away: each piece of either direction takes so long. @param delay in milliseconds */
export function startFar(upstream: number, delay: number): Promise<Started> {
  const argv = [__filename, "far", `${upstream}`, `${delay}`];
  return started(spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "inherit"] }));
}

/** A gateway that refuses nobody, and logs as it does for users. */
export async function startGateway(
  upstream: number,
  listeners: readonly Listener[] = [""],
  ...options: string[]
): Promise<Started> {
  const many = ["--max-sessions", "100000", "--max-per-client", "100000"];
  const gateway = await startProcess([...many, ...options, `127.0.0.1:${upstream}`], {
    mode: "--foreground",
    listeners,
  });
  return measured(gateway.child, gateway.port);
}

/** Waits for `port=N` on the child's standard output. */
async function started(child: ChildProcess): Promise<Started> {
  let said = "";
  child.stdout?.on("data", (chunk: Buffer) => (said += chunk));
  const found = await until(
    () => /port=(\d+)\n/.exec(said),
    () => `it does not listen: ${said}`,
  );
  return measured(child, Number(found[1]));
}

/** A process whose cost is measured. */
export function measured(child: ChildProcess, port: number): Started {
  return {
    pid: child.pid as number,
    port,
    cpu: () => cpuOf(child.pid as number),
    memory: () => Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/smaps_rollup`, "latin1"))?.[1]),
    stop: () =>
      new Promise((resolve) => {
        child.once("exit", () => resolve());
        child.kill("SIGKILL");
      }),
  };
}

export function cpuOf(pid: number): number {
  const tasks = readdirSync(`/proc/${pid}/task`);
  const times = tasks.map((task) =>
    Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "latin1").split(" ")[0]),
  );
  return times.reduce((sum, time) => sum + time, 0) / 1e6;
}

/** Text, then lines as base64 has them. */
function mail(size: number): Buffer {
  const text = "Some text, as people write it: with dots. And more of them.\r\n".repeat(100);
  const lines = `${"QUJD".repeat(19)}\r\n`.repeat(Math.ceil(size / 78));
  return Buffer.from(`Subject: bench\r\n\r\n${text}${lines}`.slice(0, size - 2).concat("\r\n"));
}

async function upstream(sizes: string): Promise<number> {
  return createDemoServer({ messages: sizes.split(",").map((size) => mail(Number(size))) }).listen();
}

async function pipe(to: number): Promise<number> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const behind = connect({ port: to, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    client.pipe(behind).pipe(client);
    for (const socket of [client, behind]) socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as { port: number }).port;
}

/** As `pipe`, late. */
async function far(to: number, delay: number): Promise<number> {
  const server = createServer({ noDelay: true }, (client) => {
    const behind = connect({ port: to, host: "127.0.0.1", noDelay: true });
    const late = (from: Socket, into: Socket) => {
      from.on("data", (chunk: Buffer) => setTimeout(() => into.write(chunk), delay));
      from.on("close", () => setTimeout(() => into.destroy(), delay));
      from.on("error", () => {});
    };
    late(client, behind);
    late(behind, client);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as { port: number }).port;
}

if (require.main === module) {
  const [role, what = "", more = ""] = process.argv.slice(2);
  const roles: Record<string, () => Promise<number>> = {
    pipe: () => pipe(Number(what)),
    far: () => far(Number(what), Number(more)),
    upstream: () => upstream(what),
  };
  void roles[role as string]?.().then((own) => process.stdout.write(`port=${own}\n`));
}
