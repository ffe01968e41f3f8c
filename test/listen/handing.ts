/**
 * What the tests of superservers need: sockets to hand over, a gateway that is started on them as a superserver would,
 * and a client that compares what it retrieves, octet for octet.
 */

import assert from "node:assert/strict";
import type { SpawnOptions } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { startDemo, stuffed } from "../stage/demo";
import { quit } from "../stage/dialogue";
import { Peer } from "../stage/peer";
import { type Launched, launch } from "../stage/process";

/** A gateway that waits for clients no longer than it is told: `--idle milliseconds server`. */
export const IMPATIENT = join(__dirname, "main.js");

/** The reason to skip what only root can do. */
export const rootOnly = { skip: process.getuid?.() !== 0 && "only root can give up root" };

/** A server with the sample maildrop, as host:port. */
export async function upstream(t: TestContext): Promise<string> {
  return `127.0.0.1:${(await startDemo(t)).port}`;
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
    client.destroy();
    socket.destroy();
  });
  return { client, socket };
}

/** Starts a gateway with these descriptors. It is ended with the test. */
export function start(t: TestContext, stdio: SpawnOptions["stdio"], ...argv: readonly string[]): Launched {
  return launch(t, process.execPath, argv, { stdio });
}

/** The same by systemd's protocol: the descriptors from 3 on are handed over. */
export function activate(t: TestContext, fds: readonly number[], ...argv: readonly string[]): Launched {
  return activateNamed(t, fds, "", ...argv);
}

/** The same with names of the descriptors, which have colons between. */
export function activateNamed(t: TestContext, fds: readonly number[], names: string, ...argv: string[]): Launched {
  const named = names === "" ? "" : `LISTEN_FDNAMES=${names}`;
  const script = `LISTEN_PID=$$ LISTEN_FDS=${fds.length} ${named} exec "$0" "$@"`;
  const stdio = ["ignore", "ignore", "pipe", ...fds] as const;
  return launch(t, "/bin/sh", ["-c", script, process.execPath, ...argv], { stdio: [...stdio] });
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
  await quit(client);
}
