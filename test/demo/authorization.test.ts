import assert from "node:assert/strict";
import { test } from "node:test";
import { note, startDemo } from "../stage/demo";
import { retrieve } from "../stage/dialogue";

const TWO = [note("one", "1", ".2", "3"), note("two")];

test("AUTHORIZATION: what is said before login, and after", async (t) => {
  const { connect } = await startDemo(t, { messages: TWO });
  const client = await connect();
  for (const command of ["STAT", "LIST", "RETR 1", "UIDL", "DELE 1", "TOP 1 1", "LAST", "NOOP", "RSET"]) {
    assert.equal(await client.ask(command), "-ERR login first", command);
  }
  for (const [command, answer] of [
    ["PASS demo", "-ERR give USER first"],
    ["USER", "-ERR USER takes a name"],
    ["USER  ", "-ERR USER takes a name"],
    ["USER joe  ", "+OK password required"],
    ["PASS", "-ERR PASS takes a password"],
    ["PASS wrong", "-ERR [AUTH] wrong password"],
    ["PASS demo", "-ERR give USER first"],
    ["USER joe", "+OK password required"],
    ["PASS demo ", "-ERR [AUTH] wrong password"],
    ["USER ann", "+OK password required"],
    ["USER joe", "+OK password required"],
    ["PASS demo", `+OK maildrop has 2 messages (${TWO.reduce((sum, mail) => sum + mail.length, 0)} octets)`],
    ["USER ann", "-ERR already logged in"],
    ["PASS demo", "-ERR already logged in"],
  ] as const) {
    assert.equal(await client.ask(command), answer, command);
  }
  const other = await connect();
  assert.equal(await other.ask("QUIT"), "+OK bye");
  await other.expectEnd();
});

test("passwords are those of the options, octet for octet", async (t) => {
  const { connect, logIn } = await startDemo(t, { passwords: [" two words ", "Gr\u00fc\u00dfe"] });
  await logIn("ann", " two words ");
  await logIn("joe", Buffer.from("Gr\u00fc\u00dfe").toString("latin1"));
  const client = await connect();
  assert.equal(await client.ask("USER eve"), "+OK password required");
  assert.equal(await client.ask("PASS demo"), "-ERR [AUTH] wrong password");
});

test("CAPA: the list, another list, or none", async (t) => {
  const usual = await (await startDemo(t)).connect();
  const [, told] = await retrieve(usual, "CAPA");
  const listed = [
    "TOP",
    "UIDL",
    "USER",
    "PIPELINING",
    "RESP-CODES",
    "AUTH-RESP-CODE",
    "IMPLEMENTATION pop3.proxy-sample",
  ];
  assert.equal(told, listed.map((line) => `${line}\r\n`).join(""));
  const other = await (await startDemo(t, { capabilities: ["TOP", "UIDL"] })).logIn();
  await other.say("CAPA");
  await other.expect("+OK capabilities follow\r\nTOP\r\nUIDL\r\n.\r\n");
  const none = await (await startDemo(t, { capabilities: null })).logIn();
  assert.equal(await none.ask("CAPA"), "-ERR unknown command");
});

test("a maildrop has one session at a time; the lock ends with it, however it ends", {
  timeout: 300_000,
}, async (t) => {
  const { connect, logIn } = await startDemo(t, { messages: TWO });
  const first = await logIn();
  const second = await connect();
  for (let i = 0; i < 2; i++) {
    await second.ask("USER joe");
    assert.equal(await second.ask("PASS demo"), "-ERR [IN-USE] another session has this maildrop");
  }
  // Who was refused holds nothing and unlocks nothing.
  assert.equal(await second.ask("QUIT"), "+OK bye");
  await logIn("ann");
  const third = await connect();
  await third.ask("USER joe");
  assert.match(await third.ask("PASS demo"), /^-ERR \[IN-USE\] /);
  assert.equal(await first.ask("QUIT"), "+OK bye");
  const fourth = await logIn();
  fourth.end();
  await fourth.expectEnd();
  const fifth = await logIn();
  fifth.reset();
  for (let answer = ""; !answer.startsWith("+OK"); answer = await third.ask("PASS demo")) await third.ask("USER joe");
});
