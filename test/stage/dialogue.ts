/** What clients and servers say to each other again and again. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { TestContext } from "node:test";
import type { ConnectionOptions } from "node:tls";
import type { Accepting } from "./accepting";
import { authority } from "./certificates";
import { Peer, type Place } from "./peer";

/** A client whose greeting has been read. */
export async function connectGreeted(place: Place, t?: TestContext): Promise<Peer> {
  const client = await Peer.connect(place, t);
  assert.match(await client.line(), /^\+OK/);
  return client;
}

/** How a client trusts the authority of the tests; options as for tls.connect go before. */
function trusting(options: ConnectionOptions = {}): ConnectionOptions {
  return { servername: "localhost", ...options, ca: options.ca ?? readFileSync(authority()) };
}

/** Goes on under TLS, as the client of one who was certified by the authority of the tests. */
export function secure(client: Peer, options?: ConnectionOptions): Promise<void> {
  return client.startTls(trusting(options));
}

/** Connects to a /tls listener; the greeting is not read yet. */
export function connectTls(place: Place, options?: ConnectionOptions, t?: TestContext): Promise<Peer> {
  return Peer.connectTls(place, trusting(options), t);
}

/** Connects to a /starttls listener, and goes on under TLS after STLS. */
export async function connectStls(place: Place, options?: ConnectionOptions, t?: TestContext): Promise<Peer> {
  const client = await connectGreeted(place, t);
  await client.say("STLS");
  await client.expect("+OK begin TLS negotiation\r\n");
  await secure(client, options);
  return client;
}

/** Logs in; the answers must be positive. @returns that to PASS */
export async function logIn(client: Peer, user: string, password: string): Promise<string> {
  assert.match(await client.ask(`USER ${user}`), /^\+OK/);
  const answer = await client.ask(`PASS ${password}`);
  assert.match(answer, /^\+OK/);
  return answer;
}

let users = 0;

/** Logs in to a sample server as somebody new, whose maildrop nobody else has open. */
export async function logInAnew(client: Peer): Promise<void> {
  assert.equal(await client.ask(`USER joe${++users}`), "+OK password required");
  assert.match(await client.ask("PASS demo"), /^\+OK/);
}

/** Takes a login at the server's end. @returns its lines */
export async function welcome(server: Peer, answer = "+OK"): Promise<string[]> {
  const lines: string[] = [];
  await server.say("+OK");
  for (let i = 0; i < 2; i++) {
    lines.push(await server.line());
    await server.say(answer);
  }
  return lines;
}

/** A client that has logged in, and its server. */
export async function connectLoggedIn(port: number, accepting: Accepting): Promise<[client: Peer, server: Peer]> {
  const client = await connectGreeted(port);
  return [client, await logInBetween(client, accepting)];
}

/** Logs a client in that has read the greeting. @returns its server */
export async function logInBetween(client: Peer, accepting: Accepting): Promise<Peer> {
  await client.ask("USER joe");
  await client.say("PASS p");
  const server = await accepting.next();
  assert.deepEqual(await welcome(server), ["USER joe", "PASS p"]);
  assert.equal(await client.line(), "+OK");
  return server;
}

/** Says one command, and gives its response, one line or many, with all line ends and dots as they came. */
export async function response(client: Peer, command: string): Promise<string> {
  await client.say(command);
  const status = await client.upTo("\r\n");
  if (!status.startsWith("+OK") || !/^(?:CAPA$|RETR|TOP|LIST$|UIDL$)/.test(command)) return status;
  const first = await client.upTo("\r\n");
  return status + first + (first === ".\r\n" ? "" : await client.upTo("\r\n.\r\n"));
}

/** Asks for a multi-line response; gives its status line, and its lines un-stuffed, latin1. */
export async function retrieve(client: Peer, command: string): Promise<[status: string, lines: string]> {
  const all = await response(client, command);
  const at = all.indexOf("\r\n") + 2;
  assert.ok(all.startsWith("+OK") && all.endsWith("\r\n.\r\n"), all.slice(0, 200));
  return [all.slice(0, at - 2), all.slice(at, -".\r\n".length).replace(/(^|\r\n)\./g, "$1")];
}

/** The mail of this number, un-stuffed. */
export async function fetchMail(client: Peer, number: number): Promise<Buffer> {
  const [, mail] = await retrieve(client, `RETR ${number}`);
  return Buffer.from(mail, "latin1");
}

/** The lines that answer CAPA. */
export async function capabilities(client: Peer): Promise<string[]> {
  const [, lines] = await retrieve(client, "CAPA");
  return lines.split("\r\n").slice(0, -1);
}

/** Ends the session with QUIT. */
export async function quit(client: Peer): Promise<void> {
  assert.match(await client.ask("QUIT"), /^\+OK/);
  await client.expectEnd();
  client.end();
}

export const STLS_OFFERED = "+OK\r\nTOP\r\nSTLS\r\nUSER\r\n.\r\n";

/** Plays a server up to its answer to STLS. */
export async function upToStls(server: Peer, answer = "+OK begin TLS\r\n"): Promise<void> {
  await server.say("+OK ready");
  await server.answer("CAPA", STLS_OFFERED);
  await server.answer("STLS", answer);
}
