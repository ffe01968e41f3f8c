/** A session whose mails are scanned: a scripted client and server, and a clamd that the test plays. */

import type { TestContext } from "node:test";
import { type Accepting, startAccepting } from "../stage/accepting";
import { EICAR, FakeClamd } from "../stage/clamd";
import { connectGreeted, logIn } from "../stage/dialogue";
import { startGateway, type TestGateway, type Wishes } from "../stage/gateway";
import type { Peer } from "../stage/peer";

export interface Scene {
  readonly gateway: TestGateway;
  readonly accepting: Accepting;
  readonly clamd: FakeClamd;
}

/** A scripted server, a gateway that scans, and clamd. */
export async function stage(t: TestContext, wishes: Wishes = {}): Promise<Scene> {
  const clamd = await FakeClamd.start(t);
  const accepting = await startAccepting(t);
  const gateway = await startGateway(accepting.port, { scan: true, clamd: clamd.address, ...wishes }, { t });
  return { gateway, accepting, clamd };
}

/** A client and its server, logged in. */
export async function session({ gateway, accepting }: Scene, t: TestContext): Promise<[client: Peer, server: Peer]> {
  const client = await connectGreeted(gateway.port, t);
  const login = logIn(client, "joe", "p");
  const server = await accepting.next();
  await server.write("+OK hello\r\n");
  await server.answer("USER joe", "+OK\r\n");
  await server.answer("PASS p", "+OK\r\n");
  await login;
  return [client, server];
}

export const CLEAN = "From: a@example.org\r\nSubject: one\r\n\r\nHello\r\n..dot\r\n.\r\n";
export const INFECTED = `From: b@example.org\r\nSubject: two\r\n\r\n${EICAR}\r\n.\r\n`;

/** A mail of the server, and what the client gets for it. */
export async function retrieve(client: Peer, server: Peer, body: string, command = "RETR 1"): Promise<string> {
  await client.say(command);
  await server.answer(command, `+OK ${body.length} octets\r\n${body}`);
  const status = await client.line();
  if (!status.startsWith("+OK")) return status;
  return `${status}\r\n${await client.upTo("\r\n.\r\n")}`;
}
