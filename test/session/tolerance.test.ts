/** What is tolerated of a server depends on when it comes: no transcript can say that. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Accepting } from "../stage/accepting";
import { connectGreeted, connectLoggedIn, STLS_OFFERED, welcome } from "../stage/dialogue";
import { startBetween, type TestGateway } from "../stage/gateway";
import { Peer } from "../stage/peer";
import { until } from "../stage/waiting";

/** A client that has given its credentials, and the connection to its server. */
async function asking(gateway: TestGateway, accepting: Accepting): Promise<[client: Peer, server: Peer]> {
  const client = await connectGreeted(gateway.port);
  await client.say("USER joe", "PASS p");
  await client.line();
  return [client, await accepting.next()];
}

test("B18: lines behind the greeting are skipped in clear, five of them, and logged", async (t) => {
  const [gateway, accepting] = await startBetween(t);
  const [client, server] = await asking(gateway, accepting);
  await server.say("+OK ready", "Authorized use only", "", "+OK really", "-ERR", "five");
  assert.equal(await server.line(), "USER joe");
  await server.say("+OK");
  assert.equal(await server.line(), "PASS p");
  await server.say("+OK");
  assert.equal(await client.line(), "+OK");
  const { fields } = await gateway.logged("tolerated");
  assert.equal(fields.code, "greeting-line");
  client.end();
});

test("B18: a sixth line behind the greeting, or half a line, is out of turn", async (t) => {
  const [gateway, accepting] = await startBetween(t);
  for (const lines of ["1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n", "half"]) {
    const [client, server] = await asking(gateway, accepting);
    await server.write(`+OK ready\r\n${lines}`);
    assert.equal(await client.line(), "-ERR [SYS/TEMP] server not available");
    assert.equal(await server.rest(), "");
  }
});

test("B18: where STLS follows, a line behind the greeting ends the login", async (t) => {
  const [gateway, accepting] = await startBetween(t, { serverTls: "starttls" });
  const [client, server] = await asking(gateway, accepting);
  await server.write(`+OK ready\r\n+OK again\r\n${STLS_OFFERED}`);
  assert.match(await client.line(), /^-ERR \[SYS\/TEMP\]/);
  assert.equal(await server.rest(), "");
});

test("B11: empty lines between the answers at login are skipped, whole or in part", async (t) => {
  const [gateway, accepting] = await startBetween(t);
  for (const behind of ["\r\n", "\n\n", "\r", "\r\n\r"]) {
    const [client, server] = await asking(gateway, accepting);
    await server.write("+OK ready\r\n\r");
    assert.equal(await server.line(), "USER joe");
    await server.write(`\n+OK\r\n${behind}`);
    assert.equal(await server.line(), "PASS p");
    await server.write(`${behind.endsWith("\r") ? "\n" : ""}+OK in\r\n`);
    assert.equal(await client.line(), "+OK in");
    client.end();
  }
});

test("a last answer without a line end is in the trace", async (t) => {
  const [gateway, accepting] = await startBetween(t, { debug: true });
  const [client, server] = await asking(gateway, accepting);
  await server.say("+OK ready");
  await server.answer("USER joe", "-ERR no such user");
  server.end();
  assert.equal(await client.line(), "-ERR no such user");
  await gateway.logged("close");
  assert.match(gateway.said(), / server< \S+ line="-ERR no such user"$/m);
});

test("B20: a PROXY header, version 2, in any segments: closed without an answer, nothing of it runs", async (t) => {
  const [gateway, accepting] = await startBetween(t);
  const header = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01\xc0\0\0\x6e";
  for (const size of [1, 5, header.length]) {
    const client = await connectGreeted(gateway.port);
    for (let at = 0; at < header.length; at += size) await client.write(header.slice(at, at + size));
    await client.expectEnd();
  }
  const { fields } = await gateway.logged("close", 3);
  assert.match(`${fields.reason}`, /PROXY header/);
  assert.equal(accepting.count, 0);
});

const ENDS = ["\n.\r\n", "\n.\n"];

for (const end of ENDS) {
  test(`B10: a mail that ends in ${JSON.stringify(end)} has ended when the client sends its next command`, async (t) => {
    const [gateway, accepting] = await startBetween(t);
    const [client, server] = await connectLoggedIn(gateway.port, accepting);
    await client.say("RETR 1");
    await server.line();
    await server.write(`+OK 40\r\nSubject: x\n\nbye${end}`);
    await client.expect(`+OK 40\r\nSubject: x\n\nbye${end}`);
    await client.say("DELE 1");
    assert.equal(await server.line(), "DELE 1");
    await server.say("+OK deleted");
    assert.equal(await client.line(), "+OK deleted");
    await client.say("QUIT");
    await server.answer("QUIT", "+OK\r\n");
    assert.equal(await client.line(), "+OK");
  });

  test(`B10: ${JSON.stringify(end)} in the middle of a mail does not end it, wherever chunks are cut`, async (t) => {
    const [gateway, accepting] = await startBetween(t);
    const mail = `Subject: x\n\nbefore${end}behind it\r\n.\r\n`;
    for (let at = 1; at < mail.length; at++) {
      const [client, server] = await connectLoggedIn(gateway.port, accepting);
      await client.say("RETR 1");
      await server.line();
      await server.write(`+OK\r\n${mail.slice(0, at)}`);
      await client.expect(`+OK\r\n${mail.slice(0, at)}`);
      await server.write(mail.slice(at));
      await client.expect(mail.slice(at));
      client.destroy();
    }
  });
}

test("B10: a command that was sent before does not end a mail", async (t) => {
  const [gateway, accepting] = await startBetween(t);
  const [client, server] = await connectLoggedIn(gateway.port, accepting);
  await client.say("RETR 1", "DELE 1");
  await server.line();
  await server.write("+OK\r\nSubject: x\n\nbefore\n.\r\n");
  await client.expect("+OK\r\nSubject: x\n\nbefore\n.\r\n");
  await server.write("behind it\r\n.\r\n");
  await client.expect("behind it\r\n.\r\n");
  assert.equal(await server.line(), "DELE 1");
});

test("B10: octets that come behind an end that the client has declared are out of turn", async (t) => {
  const [gateway, accepting] = await startBetween(t);
  const [client, server] = await connectLoggedIn(gateway.port, accepting);
  await client.say("RETR 1");
  await server.line();
  await server.write("+OK\r\nSubject: x\n\nbye\n.\r\n");
  await client.expect("+OK\r\nSubject: x\n\nbye\n.\r\n");
  await client.say("STAT");
  assert.equal(await server.line(), "STAT");
  await server.write("more of the mail\r\n.\r\n");
  await client.expectEnd();
  assert.equal((await gateway.logged("close")).fields.code, "server-protocol");
});

test("B10: a client that declares the end too early, with DELE and QUIT, loses no mail, with PIPELINING either", async (t) => {
  const [gateway, accepting] = await startBetween(t, { capa: true });
  const [client, server] = await connectLoggedIn(gateway.port, accepting);
  await client.say("CAPA");
  await server.answer("CAPA", "+OK\r\nPIPELINING\r\n.\r\n");
  await client.upTo("\r\n.\r\n");
  await client.say("RETR 1");
  await server.answer("RETR 1", "+OK\r\nSubject: x\n\nbefore\n.\r\n");
  await client.expect("+OK\r\nSubject: x\n\nbefore\n.\r\n");
  await client.say("DELE 1", "QUIT");
  assert.equal(await server.line(), "DELE 1");
  await server.write("behind it\r\n.\r\n+OK deleted\r\n");
  await server.expectEnd();
  await client.expectEnd();
  assert.equal((await gateway.logged("close")).fields.code, "server-protocol");
});

test("B1: a server that closes, hangs or answers one line at CAPA is never asked it", async (t) => {
  const [gateway, accepting] = await startBetween(t);
  const client = await Peer.connect(gateway.port);
  await client.say("USER joe", "PASS p", "DELE 1", "DELE 2", "QUIT");
  const server = await accepting.next();
  await welcome(server);
  for (const line of ["DELE 1", "DELE 2", "QUIT"]) await server.answer(line, "+OK\r\n");
  await until(() => client.unread.split("+OK").length > 6);
  assert.equal(server.heard, "USER joe\r\nPASS p\r\nDELE 1\r\nDELE 2\r\nQUIT\r\n");
});
