/**
 * What the tests of the doors need: sockets to hand over, a gateway that is started on them as a superserver would,
 * and a client that compares what it retrieves, octet for octet.
 */

import assert from "node:assert/strict";
import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { sampleMessages } from "../../src/demo/maildrop";
import { createDemoServer } from "../../src/demo/server";
import { Peer } from "../stage/peer";

/** The gateway, and one that waits for clients no longer than it is told: `--idle milliseconds server`. */
export const MAIN = join(__dirname, "..", "..", "src", "main.js");
export const IMPATIENT = join(__dirname, "main.js");

/** The reason to skip what only root can do. */
export const rootOnly = { skip: process.getuid?.() !== 0 && "only root can give up root" };

/** A folder that is gone when the test is. */
export function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "pop3.proxy-door-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A server with the sample maildrop. @returns its port of 127.0.0.1 */
export async function upstream(t: TestContext): Promise<number> {
  const server = createDemoServer();
  t.after(() => server.close());
  return server.listen();
}

/** The number of the descriptor below a socket or server, which Node keeps to itself. */
export function fdOf(one: Socket | Server): number {
  return (one as unknown as { _handle: { fd: number } })._handle.fd;
}

/** A listening socket. Hand it over and close it in one turn: as long as it is open, this process accepts, too. */
export async function listener(t: TestContext, where: { port: number; host: string } | string): Promise<Server> {
  const server = createServer({ pauseOnConnect: true });
  t.after(() => server.close());
  server.listen(where);
  await once(server, "listening");
  return server;
}

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

/** A client, and the unread socket at the other end; with a path through the file system, else through TCP. */
export async function pair(t: TestContext, path?: string): Promise<{ client: Peer; socket: Socket }> {
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true });
  server.listen(path ?? { port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  const accepted = once(server, "connection");
  const client = new Peer(
    connect({ ...(path === undefined ? { port: portOf(server) } : { path }), allowHalfOpen: true }),
  );
  const [socket] = (await accepted) as [Socket];
  server.close();
  t.after(() => {
    client.socket.destroy();
    socket.destroy();
  });
  return { client, socket };
}

export interface Started {
  readonly child: ChildProcess;
  /** What it has said on its stderr, if that is a pipe. */
  said(): string;
  /** Waits for its end; its exit status or signal. @throws if it does not end within 10 s */
  ended(): Promise<number | string>;
}

/** Starts a gateway with these descriptors. It is ended with the test. */
export function start(t: TestContext, stdio: SpawnOptions["stdio"], ...argv: readonly string[]): Started {
  return launch(t, process.execPath, argv, { stdio });
}

/** The same by systemd's protocol: the descriptors from 3 on are handed over. */
export function activate(t: TestContext, fds: readonly number[], ...argv: readonly string[]): Started {
  const script = `LISTEN_PID=$$ LISTEN_FDS=${fds.length} exec "$0" "$@"`;
  const stdio = ["ignore", "ignore", "pipe", ...fds] as const;
  return launch(t, "/bin/sh", ["-c", script, process.execPath, ...argv], { stdio: [...stdio] });
}

export function launch(t: TestContext, file: string, argv: readonly string[], options: SpawnOptions): Started {
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  const child = spawn(file, argv, { env, ...options });
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => (said += chunk));
  const exit = new Promise<number | string>((resolve) =>
    child.once("close", (code, signal) => resolve(code ?? signal ?? "")),
  );
  t.after(async () => {
    child.kill("SIGKILL");
    await exit;
  });
  return {
    child,
    said: () => said,
    async ended() {
      const limit = new Promise<never>((_, reject) =>
        setTimeout(() => reject(new Error(`it does not end: ${said}`)), 10_000).unref(),
      );
      return Promise.race([exit, limit]);
    },
  };
}

/** Who each thread of a process is, and what it may do. */
export function threads(pid: number): Record<"Uid" | "Gid" | "Groups" | "CapPrm" | "CapEff", string>[] {
  const folder = `/proc/${pid}/task`;
  return readdirSync(folder).map((thread) => {
    const status = readFileSync(`${folder}/${thread}/status`, "latin1");
    const field = (name: string) =>
      new RegExp(`^${name}:(.*)$`, "m").exec(status)?.[1]?.trim().replace(/\s+/g, " ") ?? "";
    return {
      Uid: field("Uid"),
      Gid: field("Gid"),
      Groups: field("Groups"),
      CapPrm: field("CapPrm"),
      CapEff: field("CapEff"),
    };
  });
}

/** Logs in, retrieves a small, a nasty and a large mail, and quits. */
export async function play(client: Peer, user = "joe"): Promise<void> {
  await client.expect("+OK POP3 server ready\r\n");
  assert.equal(await client.ask(`USER ${user}`), "+OK password required");
  assert.match(await client.ask("PASS demo"), /^\+OK/);
  for (const number of [1, 4, 5]) {
    assert.match(await client.ask(`RETR ${number}`), /^\+OK/);
    await client.expect(stuffed(number));
  }
  assert.match(await client.ask("QUIT"), /^\+OK/);
  await client.expectEnd();
  client.end();
}

/** A mail of the sample maildrop as it is sent, with its end, latin1. */
export function stuffed(number: number): string {
  const mail = sampleMessages()[number - 1]?.toString("latin1") ?? assert.fail(`no mail ${number}`);
  return `${mail.replace(/(^|\r\n)\./g, "$1..")}.\r\n`;
}
