/**
 * Clients that leave at once, servers that make trouble when they are asked, and what must not come of it.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { connectGreeted, connectLoggedIn, logInBetween, welcome } from "../stage/dialogue";
import { startBetween } from "../stage/gateway";
import { Peer } from "../stage/peer";
import { ownTime } from "../stage/stopwatch";

for (const how of ["closes", "resets"] as const) {
  test(`I18: a client that says everything at once and ${how}: all of it is carried out, login included`, async (t) => {
    const [gateway, accepting] = await startBetween(t);
    const client = await Peer.connect(gateway.port);
    await client.write("USER joe\r\nPASS p\r\nDELE 1\r\nQUIT\r\n");
    if (how === "closes") client.destroy();
    else client.reset();
    const server = await accepting.next();
    await welcome(server);
    assert.equal(await server.line(), "DELE 1");
    await server.say("+OK");
    assert.equal(await server.line(), "QUIT");
    await server.say("+OK");
    await server.expectEnd();
    assert.equal((await gateway.logged("close")).fields.reason, "quit");
  });
}

test("I18: more than is read ahead, a QUIT at its end, and a reset during the login: all of it is carried out", async (t) => {
  const [gateway, accepting] = await startBetween(t);
  const client = await Peer.connect(gateway.port);
  const count = 400;
  const deletes = Array.from({ length: count }, (_, index) => `DELE ${`${index + 1}`.padStart(93)}\r\n`).join("");
  await client.write(`USER joe\r\nPASS p\r\n${deletes}QUIT\r\n`);
  const server = await accepting.next();
  await pause(50);
  client.reset();
  await welcome(server);
  const heard: string[] = [];
  for (let line = await server.line(); ; line = await server.line()) {
    heard.push(line);
    if (line === "CAPA") await server.say("+OK\r\nPIPELINING\r\n.");
    else await server.say("+OK");
    if (line === "QUIT") break;
  }
  assert.equal(heard.filter((line) => line.startsWith("DELE ")).length, count);
  assert.equal((await gateway.logged("close")).fields.reason, "quit");
});

test("I11: a client that leaves at login without a QUIT: the login is given up", async (t) => {
  const [gateway, accepting] = await startBetween(t);
  const client = await Peer.connect(gateway.port);
  await client.write("USER joe\r\nPASS p\r\nDELE 1\r\n");
  const server = await accepting.next();
  client.reset();
  await server.expectEnd();
  assert.equal((await gateway.logged("close")).fields.reason, "client closed the connection");
});

test("I18: what is carried out for a client that is gone has a limit, however the server drips", async (t) => {
  const [gateway, accepting] = await startBetween(t, { limits: { quit: 500 } });
  const [client, server] = await connectLoggedIn(gateway.port, accepting);
  await client.write("RETR 1\r\nQUIT\r\n");
  await server.line();
  await server.say("+OK");
  await client.line();
  client.reset();
  for (let i = 0; i < 600 && !server.ended; i++) {
    await server.write("x");
    await pause(50);
  }
  assert.ok(server.ended, "the session has ended");
  assert.doesNotMatch(server.heard, /QUIT/);
  assert.ok(await gateway.logged("close"));
});

test("the second shutdown ends also those who wait for a client to read, or for an answer to QUIT", async (t) => {
  const [gateway, accepting] = await startBetween(t, { drain: 60_000 });
  const [client, server] = await connectLoggedIn(gateway.port, accepting);
  await client.say("QUIT");
  assert.equal(await server.line(), "QUIT");
  const began = ownTime();
  void gateway.close();
  await pause(20);
  await gateway.close();
  assert.ok(ownTime() - began < 20_000, "not the 60 s of the first");
  await server.expectEnd();
});

test("R4: a greedy client that reads nothing is made to give way, and nothing else ends", async (t) => {
  const [gateway] = await startBetween(t, { maxSessions: 1 });
  const greedy = await Peer.connect(gateway.port);
  greedy.pause();
  for (let i = 0; i < 200; i++) void greedy.write("STAT\r\n".repeat(5000));
  await pause(300);
  const next = await Peer.connect(gateway.port);
  assert.match(await next.line(), /^\+OK/);
  await pause(50);
  assert.match(await next.ask("QUIT"), /^\+OK/);
  for (const peer of [greedy, next]) peer.destroy();
});

test("a command that is refused is activity, too", async (t) => {
  const [gateway, accepting] = await startBetween(t, { timeout: 2000 });
  const client = await connectGreeted(gateway.port);
  await logInBetween(client, accepting);
  for (let i = 0; i < 4; i++) {
    await pause(800);
    assert.match(await client.ask("RETR x"), /^-ERR RETR/);
  }
  client.destroy();
});

test("I8: half a line out of turn: nothing more is said to that server, and its words are in the log", async (t) => {
  const [gateway, accepting] = await startBetween(t);
  const [client, server] = await connectLoggedIn(gateway.port, accepting);
  await server.write("-ERR idle time");
  await pause(20);
  await client.say("STAT");
  await pause(50);
  server.end();
  await client.expectEnd();
  assert.doesNotMatch(server.heard, /STAT/);
  assert.match((await gateway.logged("close")).fields.reason as string, /-ERR idle time/);
  client.end();
});

for (const [name, lines] of [
  ["however short", ["AUTH PLAIN", "c2VjcmV0"]],
  ["both lines of it", ["auth login", "am9l", "c2VjcmV0"]],
  ["though it was too long", [`AUTH PLAIN ${"A".repeat(300)}`, "c2VjcmV0"]],
] as const) {
  test(`G2: what follows a refused AUTH is not shown, ${name}`, async (t) => {
    const [gateway] = await startBetween(t, { debug: true });
    const client = await connectGreeted(gateway.port);
    for (const line of lines) assert.match(await client.ask(line), /^-ERR/);
    await client.ask("QUIT");
    client.end();
    await gateway.logged("close");
    assert.doesNotMatch(JSON.stringify(gateway.log), /c2VjcmV0|am9l/);
  });
}

for (const [name, answer] of [
  ["refuses", "-ERR unknown command: PASS geheim"],
  ["echoes", "PASS geheim\r\n"],
] as const) {
  test(`G2: a server that ${name} with the password in its words: the log has their length`, async (t) => {
    const [gateway, accepting] = await startBetween(t, { debug: true });
    const client = await connectGreeted(gateway.port);
    await client.ask("USER joe");
    await client.say("PASS geheim");
    const server = await accepting.next();
    await server.say("+OK");
    assert.equal(await server.line(), "USER joe");
    await server.say("+OK");
    assert.equal(await server.line(), "PASS geheim");
    await server.say(answer);
    await gateway.logged("close");
    assert.doesNotMatch(JSON.stringify(gateway.log), /geheim/);
    assert.match(JSON.stringify(gateway.log), /octets with a password/);
    client.destroy();
  });
}

test("a QUIT that the server refuses has deleted nothing, as far as the log knows", async (t) => {
  const [gateway, accepting] = await startBetween(t);
  const [client, server] = await connectLoggedIn(gateway.port, accepting);
  for (const [command, answer] of [
    ["DELE 1", "+OK"],
    ["QUIT", "-ERR some deleted messages not removed"],
  ] as const) {
    await client.say(command);
    assert.equal(await server.line(), command);
    await server.say(answer);
    assert.equal(await client.line(), answer);
  }
  client.end();
  assert.equal((await gateway.logged("close")).fields.deleted, 0);
});
