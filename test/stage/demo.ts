/** The sample server as what is behind a gateway, or is tried itself. */

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { sampleMessages } from "../../src/demo/maildrop";
import { createDemoServer, type DemoOptions, type DemoServer } from "../../src/demo/server";
import { atEnd } from "./ending";
import { Peer } from "./peer";

export { sampleMessages };

export interface Demo {
  readonly server: DemoServer;
  readonly port: number;
  /** A client that has read the greeting. */
  connect(): Promise<Peer>;
  /** A client in TRANSACTION. */
  logIn(user?: string, password?: string): Promise<Peer>;
}

/** Starts it on a free port of 127.0.0.1; it and its clients are gone with the test. */
export async function startDemo(t: TestContext, options?: DemoOptions): Promise<Demo> {
  const server = createDemoServer(options);
  atEnd(t, () => server.close());
  const port = await server.listen();
  async function connect(): Promise<Peer> {
    const peer = await Peer.connect(port, t);
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

/** A mail of the sample maildrop as it is sent, with its end, latin1. */
export function stuffed(number: number): string {
  const mail = sampleMessages()[number - 1]?.toString("latin1") ?? assert.fail(`no mail ${number}`);
  return `${mail.replace(/(^|\r\n)\./g, "$1..")}.\r\n`;
}

/** A mail of a few lines, for maildrops that are smaller than the sample. */
export function note(subject: string, ...body: readonly string[]): Buffer {
  return Buffer.from([`Subject: ${subject}`, "", ...body, ""].join("\r\n"), "latin1");
}
