/**
 * One login through a gateway to a played server, and what must hold when TLS with that server is not as it should be:
 * no credential has left, the client has heard why in one line, and the log has one closing line.
 */

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { authority } from "../stage/certificates";
import { Peer } from "../stage/peer";
import { type Caller, type Fake, type Script, startFake } from "./fake";
import { startGateway, type TlsGateway } from "./gateway";

/** Credentials that nothing else looks like. */
export const USER = "joe.bloggs";
export const PASSWORD = "correct-horse-battery";

export const STLS_OFFERED = "+OK\r\nTOP\r\nSTLS\r\nUSER\r\n.\r\n";

export type Mode = "starttls" | "tls";

export interface Setting {
  readonly mode: Mode;
  /** By which name the server is known to the gateway; default: localhost. */
  readonly host?: string;
  /** Further options of the gateway; default: the authority of the tests is trusted. */
  readonly options?: readonly string[];
}

export interface Attempt {
  readonly fake: Fake;
  readonly gateway: TlsGateway;
  readonly client: Peer;
  /** What the client was told behind PASS. */
  readonly reply: string;
}

/** Plays the server up to its answer to STLS. */
export async function upToStls(caller: Caller, answer = "+OK begin TLS\r\n"): Promise<void> {
  caller.say("+OK ready\r\n");
  await caller.answer("CAPA", STLS_OFFERED);
  await caller.answer("STLS", answer);
}

/** Plays a server that takes the login and says yes to all. */
export async function welcome(caller: Caller): Promise<void> {
  await caller.answer(`USER ${USER}`, "+OK\r\n");
  await caller.answer(`PASS ${PASSWORD}`, "+OK welcome\r\n");
  while ((await caller.line()) !== "QUIT") caller.say("+OK\r\n");
  caller.say("+OK bye\r\n");
  caller.end();
}

/** Starts both, and logs in. */
export async function attempt(t: TestContext, script: Script, setting: Setting): Promise<Attempt> {
  const fake = await startFake(t, script);
  const { mode, host = "localhost", options = ["--server-ca", authority()] } = setting;
  const gateway = await startGateway(t, [], "--server-tls", mode, ...options, `${host}:${fake.port}`);
  const client = await Peer.connect(gateway.ports[0] as number);
  t.after(() => client.socket.destroy());
  assert.match(await client.line(), /^\+OK/);
  assert.equal(await client.ask(`USER ${USER}`), "+OK password required");
  return { fake, gateway, client, reply: await client.ask(`PASS ${PASSWORD}`) };
}

/** Nothing that could be a credential, or its beginning, has left in clear. */
export function assertUnsaid({ callers }: Fake): void {
  for (const { wire, clear } of callers) {
    assert.doesNotMatch(clear, /USER|PASS|AUTH|APOP|XCLIENT/i);
    assert.doesNotMatch(wire, /joe\.bloggs|correct-horse/i);
  }
}

/** A login that must fail before any credential leaves. @param reason what the closing line must say */
export async function refused(t: TestContext, script: Script, setting: Setting, reason: RegExp): Promise<void> {
  const { fake, gateway, client, reply } = await attempt(t, script, setting);
  assert.match(reply, /^-ERR \[SYS\/(?:TEMP|PERM)\] /);
  await client.expectEnd();
  const reasons = await gateway.ended();
  assert.equal(reasons.length, 1, gateway.said());
  assertUnsaid(fake);
  for (const { secret } of fake.callers) assert.equal(secret, "", "nor under TLS");
  assert.ok(!gateway.said().includes(PASSWORD), "the password is in the log");
  assert.match(reasons[0] as string, reason);
  assert.match(gateway.said(), / err failure .*blame=server/);
  await fake.played();
}

/** A login that must succeed, and its QUIT. */
export async function accepted(t: TestContext, script: Script, setting: Setting): Promise<Attempt> {
  const done = await attempt(t, script, setting);
  assert.equal(done.reply, "+OK welcome", done.gateway.said());
  assert.equal(await done.client.ask("QUIT"), "+OK bye");
  assertUnsaid(done.fake);
  await done.fake.played();
  return done;
}
