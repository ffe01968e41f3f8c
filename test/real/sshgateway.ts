/** The gateway with --ssh, run by the user whom sshd lets in: with the home, the names and the keys of that user. */

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Accepting, startAccepting } from "../stage/accepting";
import { authority } from "../stage/certificates";
import { connectGreeted, logInBetween, quit } from "../stage/dialogue";
import type { Peer } from "../stage/peer";
import { type GatewayProcess, launch, listening, MAIN, type ProcessOptions } from "../stage/process";
import { inside } from "../stage/processes";
import { until } from "../stage/waiting";
import { startDovecot } from "./dovecot";
import { plain } from "./mails";
import { ordinary, run } from "./programs";
import { folder } from "./scratch";
import { inspect, password, user } from "./server";
import { type Sshd, startSshd } from "./sshd";

/** The name of the machine with sshd. */
export const HOST = "gateway.example.org";

/** Its environment. @param tmp its TMPDIR */
export function environment({ env }: Sshd, tmp: string): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, ...env, TMPDIR: tmp, SSL_CERT_FILE: authority() };
}

/** A folder for its TMPDIR: not in the home, since names of sockets are short. */
export function temporary({ home }: Sshd): string {
  folder(join(home, "t"));
  return join(home, "t");
}

interface SshGatewayOptions extends Pick<ProcessOptions, "mode"> {
  /** The lines of level err that are expected; null: nothing is held against it. */
  readonly faults?: RegExp | null;
}

/** Starts it, in debug mode unless told otherwise. @param argv options and the server */
export function startSshGateway(
  t: TestContext,
  sshd: Sshd,
  argv: readonly string[],
  { mode = "-d", faults }: SshGatewayOptions = {},
): Promise<GatewayProcess> {
  const env = environment(sshd, temporary(sshd));
  const own = [MAIN, mode, "--listen", "127.0.0.1:0", ...argv];
  const launched = launch(t, process.execPath, own, {
    env,
    cwd: "/",
    stdio: ["ignore", "ignore", "pipe"],
    ...ordinary,
  });
  if (faults === null) return listening(launched, 1, { t });
  return listening(launched, 1, { t, inspect: { ...inspect, ...(faults && { faults }) } });
}

/** What --check tells. */
export function check(sshd: Sshd, argv: readonly string[]): ReturnType<typeof run> {
  const env = environment(sshd, temporary(sshd));
  return run(process.execPath, [MAIN, "--check", ...argv], { env, cwd: "/" });
}

/** An sshd into which the user of the tests gets. */
export async function letIn(t: TestContext, settings = ""): Promise<Sshd> {
  const sshd = await startSshd(t, HOST, {}, settings);
  await sshd.authorize();
  return sshd;
}

/** How often somebody has logged in. */
export function logins({ said }: Sshd): number {
  return said().match(/Accepted publickey/g)?.length ?? 0;
}

/** A scripted server, and an sshd before it. */
export async function scripted(t: TestContext): Promise<{ sshd: Sshd; accepting: Accepting; port: number }> {
  const accepting = await startAccepting(t);
  const { port } = accepting;
  return { sshd: await letIn(t), accepting, port };
}

/** A Dovecot with one mail, and an sshd before it. @param settings of sshd, for the server's port */
export async function oneMail(t: TestContext, settings = (_port: number) => ""): Promise<{ sshd: Sshd; port: number }> {
  const { port } = await startDovecot(t, plain.slice(0, 1));
  return { sshd: await letIn(t, settings(port)), port };
}

/** A whole session. @returns what answers PASS */
export async function session({ port }: GatewayProcess, t: TestContext, name = user): Promise<string> {
  const client = await connectGreeted(port, t);
  assert.match(await client.ask(`USER ${name}`), /^\+OK/);
  const answer = await client.ask(`PASS ${password}`);
  if (answer.startsWith("+OK")) await quit(client);
  else client.destroy();
  return answer;
}

/** A client and a server in the middle of a mail. */
export async function insideMail(t: TestContext, { port }: GatewayProcess, accepting: Accepting): Promise<Peer> {
  const client = await connectGreeted(port, t);
  const server = await logInBetween(client, accepting);
  await client.say("RETR 1");
  await server.answer("RETR 1", "+OK\r\nSubject: half\r\n");
  await client.expect("+OK\r\nSubject: half\r\n");
  return client;
}

/** The next session of a scripted server. */
export async function works(t: TestContext, { port }: GatewayProcess, accepting: Accepting): Promise<void> {
  const client = await connectGreeted(port, t);
  const server = await logInBetween(client, accepting);
  await client.say("QUIT");
  await server.answer("QUIT", "+OK bye\r\n");
  await client.expect("+OK bye\r\n");
}

/** The masters of a gateway. */
export function masters(sshd: Sshd): number[] {
  return inside(temporary(sshd));
}

export async function untilNothingIsLeft(sshd: Sshd): Promise<void> {
  const left = () => [...masters(sshd), ...readdirSync(temporary(sshd))];
  await until(
    () => left().length === 0,
    () => `left: ${left()}`,
  );
}
