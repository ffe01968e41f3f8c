/** HAProxy in front of a gateway, run by the ordinary user, on a free port of 127.0.0.1. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Certified } from "../stage/certificates";
import { atEnd } from "../stage/ending";
import { freePort } from "../stage/ports";
import { until } from "../stage/waiting";
import { program, start, stop } from "./programs";
import { put, scratch } from "./scratch";

export interface HaproxyWish {
  /** The gateway's port. */
  readonly to: number;
  /** What stands behind the server's address, such as `send-proxy check`. */
  readonly server: string;
  /** Further lines of the backend. */
  readonly backend?: readonly string[];
  /** A further server, which is checked as the gateway is, and gets no client. */
  readonly beside?: Checked;
  /** TLS towards clients, with this certificate. */
  readonly tls?: Certified;
}

/** Starts it. @returns the port for clients */
export async function startHaproxy(t: TestContext, wish: HaproxyWish): Promise<number> {
  const [port, ready] = [await freePort(), await freePort()];
  const home = scratch(t);
  if (wish.tls) {
    put(join(home, "pem"), Buffer.concat([wish.tls.cert, Buffer.from("\n"), readFileSync(wish.tls.keyFile)]));
  }
  const settings = `
global
    maxconn 200
defaults
    mode tcp
    timeout connect 1m
    timeout client 5m
    timeout server 5m
frontend pop3
    bind 127.0.0.1:${port}${wish.tls ? ` ssl crt ${home}/pem` : ""}
    default_backend gateway
# Who looks whether HAProxy listens does not get to the gateway.
frontend ready
    bind 127.0.0.1:${ready}
    tcp-request connection reject
backend gateway
${(wish.backend ?? []).map((line) => `    ${line}\n`).join("")}    server one 127.0.0.1:${wish.to} ${wish.server}
${wish.beside ? `    server two 127.0.0.1:${wish.beside.port} ${wish.server} backup\n` : ""}`;
  await startHaproxyWith(t, home, settings, ready);
  return port;
}

/** Starts it with these settings. @param ready a port where it listens then */
export async function startHaproxyWith(t: TestContext, home: string, settings: string, ready: number): Promise<void> {
  put(join(home, "haproxy.cfg"), settings);
  const argv = ["-db", "-f", join(home, "haproxy.cfg")];
  const child = start(program("haproxy"), argv, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr?.on("data", (octets) => (said += octets));
  atEnd(t, () => stop(child, "SIGKILL"));
  const listens = () => {
    assert.equal(child.exitCode, null, `haproxy has ended: ${said}`);
    return accepts(ready);
  };
  await until(listens, () => `haproxy does not listen: ${said}`, { every: 25 });
}

/** A server that is there to be checked. */
export interface Checked {
  readonly port: number;
  /** How many checks it has had. */
  count(): number;
}

/**
 * Starts a server that only counts. A check that is over before the gateway has read of it leaves nothing there, not even
 * in debug mode, so how many there were is known from a server beside it.
 */
export async function startChecked(t: TestContext): Promise<Checked> {
  let count = 0;
  const server = createServer((socket) => {
    count++;
    socket.on("error", () => {}).resume();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return { port: (server.address() as AddressInfo).port, count: () => count };
}

/** Waits until a server has had so many checks. */
export async function checked(server: Checked, count = 20): Promise<void> {
  await until(() => server.count() >= count, "checks of haproxy", { progress: server.count });
}

/** Whether somebody listens on a port of 127.0.0.1. */
export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      resolve(true);
      socket.destroy();
    });
    socket.once("error", () => resolve(false));
  });
}
