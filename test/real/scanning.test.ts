/** Real servers, real clamd: a client gets clean mails octet for octet, and nothing of the body of an infected one. */

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { startDemo } from "../stage/demo";
import { capabilities, connectGreeted, logIn, quit, response } from "../stage/dialogue";
import { shuffled, tellDraw, testOfDraw } from "../stage/draws";
import type { Peer } from "../stage/peer";
import { startProcess } from "../stage/process";
import { clamdParts, RealClamd } from "./clamd";
import { startDovecot } from "./dovecot";
import { infectedMails, infectedParts, isNotice } from "./infected";
import { mails, strange } from "./mails";
import { lacking } from "./programs";
import { same } from "./same";
import { password, user } from "./server";
import { asIfAtOnce } from "./waiting";

const test = testOfDraw();

tellDraw("orders of commands");

/** A command, and the infected mail that it must not fetch; null: its response is clean. */
type Fetch = readonly [command: string, infected: Buffer | null];

/** Each clean and each infected mail by each command. */
function fetches(drop: readonly Buffer[], infected: readonly Buffer[]): Fetch[] {
  return drop.flatMap((mail, index): Fetch[] => {
    const found = infected.includes(mail) ? mail : null;
    const number = index + 1;
    return [
      [`RETR ${number}`, found],
      [`TOP ${number} 1000000`, found],
      [`TOP ${number} 1`, null],
      [`TOP ${number} 0`, null],
    ];
  });
}

async function logInto(port: number): Promise<Peer> {
  const client = await connectGreeted(port);
  await logIn(client, user, password);
  return client;
}

const skip = lacking("dovecot", ...clamdParts, ...infectedParts);

/** Starts a gateway with these mails behind it and clamd beside it; checks what each fetch gives, in this order. */
async function checkAll(
  t: TestContext,
  launch: (t: TestContext, drop: readonly Buffer[]) => Promise<{ port: number }>,
  place: (clamd: RealClamd) => string,
  play: (client: Peer, all: Fetch[], check: (heard: string, fetch: Fetch) => void) => Promise<void>,
): Promise<void> {
  const clamd = await RealClamd.start(t);
  const infected = infectedMails();
  // The sample server takes no mail without a line end.
  const clean = [...mails, ...strange].filter((mail) => mail.toString("latin1").endsWith("\r\n"));
  const drop = [...infected, ...clean].sort((a, b) => a.compare(b));
  const server = await launch(t, drop);
  const all = fetches(drop, infected);
  const direct = new Map<string, Buffer>();
  const straight = await logInto(server.port);
  for (const [command] of all) direct.set(command, Buffer.from(await response(straight, command), "latin1"));
  await quit(straight);
  const options = ["-z", "--clamd", place(clamd), "--capa", `127.0.0.1:${server.port}`];
  const { port } = await startProcess(options, { t, inspect: { secret: password, faults: / virus / } });
  const client = await logInto(port);
  t.after(() => client.destroy());
  await play(client, all, (heard, [command, found]) => {
    if (found) isNotice(heard, found);
    else same(Buffer.from(asIfAtOnce(heard), "latin1"), direct.get(command) as Buffer);
  });
}

test("V4: the sample server, and clamd at a port; one command after the other", { skip }, (t) => {
  const launch = (t: TestContext, messages: readonly Buffer[]) => startDemo(t, { messages, passwords: [password] });
  const at = (clamd: RealClamd) => `127.0.0.1:${clamd.port}`;
  return checkAll(t, launch, at, async (client, all, check) => {
    for (const fetch of all) check(await response(client, fetch[0]), fetch);
    await quit(client);
  });
});

test("V4: dovecot, and clamd at a socket; all commands at once", { skip }, (t) => {
  const at = (clamd: RealClamd) => clamd.path;
  return checkAll(t, startDovecot, at, async (client, all, check) => {
    assert.ok((await capabilities(client)).includes("PIPELINING"));
    const order = shuffled(all, "commands");
    await client.say(...order.map(([command]) => command), "QUIT");
    for (const fetch of order) check((await client.upTo("\r\n")) + (await client.upTo("\r\n.\r\n")), fetch);
    assert.match(await client.line(), /^\+OK/);
    await client.expectEnd();
  });
});
