/**
 * One login through a gateway to a played server, and what must hold when TLS with that server is not as it should be:
 * no credential has left, the client has heard why in one line, and the log has one closing line.
 */

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { type Script, type Scripted, startScripted } from "../stage/accepting";
import { authority } from "../stage/certificates";
import { connectGreeted } from "../stage/dialogue";
import { startInside } from "../stage/inside";
import type { Peer } from "../stage/peer";
import { startProcess } from "../stage/process";
import type { Running } from "../stage/running";

/** Credentials that nothing else looks like. */
export const USER = "joe.bloggs";
export const PASSWORD = "correct-horse-battery";

export type Mode = "starttls" | "tls";

export interface Setting {
  readonly mode: Mode;
  /** By which name the server is known to the gateway; default: localhost. */
  readonly host?: string;
  /** Further options of the gateway; default: the authority of the tests is trusted. */
  readonly options?: readonly string[];
  /** As a process of its own, not inside the test's. */
  readonly apart?: boolean;
}

export interface Attempt {
  readonly server: Scripted;
  readonly gateway: Running;
  readonly client: Peer;
  /** What the client was told behind PASS. */
  readonly reply: string;
}

/** Plays a server that takes the login and says yes to all. */
export async function welcome(peer: Peer): Promise<void> {
  await peer.answer(`USER ${USER}`, "+OK\r\n");
  await peer.answer(`PASS ${PASSWORD}`, "+OK welcome\r\n");
  while ((await peer.line()) !== "QUIT") await peer.say("+OK");
  await peer.say("+OK bye");
  peer.end();
}

/** Starts both, and logs in. */
export async function attempt(t: TestContext, script: Script, setting: Setting): Promise<Attempt> {
  const server = await startScripted(t, script);
  const { mode, host = "localhost", options = ["--server-ca", authority()], apart = false } = setting;
  const argv = ["--server-tls", mode, ...options, `${host}:${server.port}`];
  const gateway = apart ? await startProcess(argv, { t }) : await startInside(t, argv);
  const client = await connectGreeted(gateway.port, t);
  assert.equal(await client.ask(`USER ${USER}`), "+OK password required");
  return { server, gateway, client, reply: await client.ask(`PASS ${PASSWORD}`) };
}

/** Nothing that could be a credential, or its beginning, has left in clear. */
export function assertUnsaid({ peers }: Scripted): void {
  for (const { wire, clear } of peers) {
    assert.doesNotMatch(clear, /USER|PASS|AUTH|APOP|XCLIENT/i);
    assert.doesNotMatch(wire, /joe\.bloggs|correct-horse/i);
  }
}

/** A login that must fail before any credential leaves. @param reason what the closing line must say */
export async function refused(t: TestContext, script: Script, setting: Setting, reason: RegExp): Promise<void> {
  const { server, gateway, client, reply } = await attempt(t, script, setting);
  assert.match(reply, /^-ERR \[SYS\/(?:TEMP|PERM)\] /);
  await client.expectEnd();
  const reasons = await gateway.ended();
  assert.equal(reasons.length, 1, gateway.said());
  assertUnsaid(server);
  for (const { secret } of server.peers) assert.equal(secret, "", "nor under TLS");
  assert.ok(!gateway.said().includes(PASSWORD), "the password is in the log");
  assert.match(reasons[0] as string, reason);
  assert.match(gateway.said(), / err failure .*blame=server/);
  await server.played();
}

/** A login that must succeed, and its QUIT. */
export async function accepted(t: TestContext, script: Script, setting: Setting): Promise<Attempt> {
  const done = await attempt(t, script, setting);
  assert.equal(done.reply, "+OK welcome", done.gateway.said());
  assert.equal(await done.client.ask("QUIT"), "+OK bye");
  assertUnsaid(done.server);
  await done.server.played();
  return done;
}
