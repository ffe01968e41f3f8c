/**
 * What the tests of the sample server need: a server on a free port and clients that are gone when the test is.
 */

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { createDemoServer, type DemoOptions, type DemoServer } from "../../src/demo/server";
import { Peer } from "../stage/peer";

export interface Running {
  readonly server: DemoServer;
  readonly port: number;
  /** A client that has read the greeting. */
  connect(): Promise<Peer>;
  /** A client in TRANSACTION. */
  logIn(user?: string, password?: string): Promise<Peer>;
}

export async function start(t: TestContext, options?: DemoOptions): Promise<Running> {
  const server = createDemoServer(options);
  const port = await server.listen();
  const peers: Peer[] = [];
  t.after(async () => {
    for (const peer of peers) peer.socket.destroy();
    await server.close();
  });
  async function connect(): Promise<Peer> {
    const peer = await Peer.connect(port);
    peers.push(peer);
    await peer.expect("+OK POP3 sample server ready\r\n");
    return peer;
  }
  async function logIn(user = "joe", password = "demo"): Promise<Peer> {
    const peer = await connect();
    assert.equal(await peer.ask(`USER ${user}`), "+OK password required");
    assert.match(await peer.ask(`PASS ${password}`), /^\+OK maildrop has /);
    return peer;
  }
  return { server, port, connect, logIn };
}

/**
 * Asks for a multi-line response when nothing else is due; gives its status line, and its lines un-stuffed, latin1.
 *
 * @throws AssertionError if it does not come to its end within 5 s
 */
export async function ask(peer: Peer, command: string): Promise<[string, string]> {
  const from = peer.heard.length;
  const deadline = Date.now() + 5000;
  await peer.say(command);
  while (!peer.heard.endsWith("\r\n.\r\n") || peer.heard.length === from) {
    assert.equal(peer.ended || Date.now() > deadline, false, `${command} has no end`);
    await pause(1);
  }
  const response = peer.heard.slice(from);
  await peer.expect(response);
  const [status = "", ...lines] = response.slice(0, -".\r\n".length).split("\r\n");
  return [status, lines.map((line) => (line.startsWith(".") ? line.slice(1) : line)).join("\r\n")];
}

/** A mail of a few lines, for maildrops that are smaller than the sample. */
export function note(subject: string, ...body: readonly string[]): Buffer {
  return Buffer.from([`Subject: ${subject}`, "", ...body, ""].join("\r\n"), "latin1");
}
