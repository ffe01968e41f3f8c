import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer } from "node:net";
import { test } from "node:test";
import { sampleMessages } from "../../src/demo/maildrop";
import { createDemoServer } from "../../src/demo/server";
import { note, startDemo } from "../stage/demo";
import { retrieve } from "../stage/dialogue";

const TWO = [note("one", "1", ".2", "3"), note("two")];

function uid(mail: Buffer | undefined): string {
  return createHash("sha256")
    .update(mail ?? "")
    .digest("hex")
    .slice(0, 16);
}

test("every mail of the sample arrives octet for octet", async (t) => {
  const { logIn } = await startDemo(t);
  const client = await logIn();
  const mails = sampleMessages();
  assert.equal(await client.ask("STAT"), `+OK 6 ${mails.reduce((sum, mail) => sum + mail.length, 0)}`);
  for (const [index, mail] of mails.entries()) {
    const [status, whole] = await retrieve(client, `RETR ${index + 1}`);
    assert.equal(status, `+OK ${mail.length} octets`);
    assert.equal(whole === mail.toString("latin1"), true, `mail ${index + 1}`);
    const [, top] = await retrieve(client, `TOP ${index + 1} 9999999999`);
    assert.equal(top === mail.toString("latin1"), true, `top of mail ${index + 1}`);
  }
  assert.equal(await client.ask("QUIT"), "+OK bye");
  await client.expectEnd();
});

test("a session of all commands", async (t) => {
  const { logIn } = await startDemo(t, { messages: TWO });
  const client = await logIn();
  const [one = 0, two = 0] = TWO.map((mail) => mail.length);
  for (const [command, answer] of [
    ["STAT", `+OK 2 ${one + two}\r\n`],
    ["LIST", `+OK 2 messages (${one + two} octets)\r\n1 ${one}\r\n2 ${two}\r\n.\r\n`],
    ["LIST 2", `+OK 2 ${two}\r\n`],
    ["UIDL", `+OK 2 messages (${one + two} octets)\r\n1 ${uid(TWO[0])}\r\n2 ${uid(TWO[1])}\r\n.\r\n`],
    ["UIDL 1", `+OK 1 ${uid(TWO[0])}\r\n`],
    ["LAST", "+OK 0\r\n"],
    ["TOP 2 0", "+OK top of the message follows\r\nSubject: two\r\n\r\n.\r\n"],
    ["TOP 1 2", "+OK top of the message follows\r\nSubject: one\r\n\r\n1\r\n..2\r\n.\r\n"],
    ["LAST", "+OK 0\r\n"],
    ["RETR 2", `+OK ${two} octets\r\nSubject: two\r\n\r\n.\r\n`],
    ["RETR 1", `+OK ${one} octets\r\nSubject: one\r\n\r\n1\r\n..2\r\n3\r\n.\r\n`],
    ["LAST", "+OK 2\r\n"],
    ["NOOP", "+OK\r\n"],
    ["DELE 1", "+OK message 1 deleted\r\n"],
    ["DELE 1", "-ERR no such message\r\n"],
    ["RETR 1", "-ERR no such message\r\n"],
    ["TOP 1 0", "-ERR no such message\r\n"],
    ["LIST 1", "-ERR no such message\r\n"],
    ["UIDL 1", "-ERR no such message\r\n"],
    ["STAT", `+OK 1 ${two}\r\n`],
    ["LIST", `+OK 1 messages (${two} octets)\r\n2 ${two}\r\n.\r\n`],
    ["UIDL", `+OK 1 messages (${two} octets)\r\n2 ${uid(TWO[1])}\r\n.\r\n`],
    ["RSET", `+OK maildrop has 2 messages (${one + two} octets)\r\n`],
    ["LAST", "+OK 0\r\n"],
    ["STAT", `+OK 2 ${one + two}\r\n`],
    // Case and blanks behind make no difference, and neither do zeros before.
    ["noop  ", "+OK\r\n"],
    ["lIsT  0002  ", `+OK 2 ${two}\r\n`],
    ["QUIT", "+OK bye\r\n"],
  ] as const) {
    await client.say(command);
    await client.expect(answer);
  }
  await client.expectEnd();
});

test("bad arguments and unknown commands are refused and change nothing", async (t) => {
  const { logIn } = await startDemo(t, { messages: TWO });
  const client = await logIn();
  for (const [command, answer] of [
    ["RETR", "-ERR RETR takes a message number"],
    ["RETR x", "-ERR RETR takes a message number"],
    ["RETR 1 2", "-ERR RETR takes a message number"],
    ["RETR -1", "-ERR RETR takes a message number"],
    ["RETR 12345678901", "-ERR RETR takes a message number"],
    ["RETR 0", "-ERR no such message"],
    ["RETR 3", "-ERR no such message"],
    ["DELE", "-ERR DELE takes a message number"],
    ["DELE 0", "-ERR no such message"],
    ["DELE 9999999999", "-ERR no such message"],
    ["LIST x", "-ERR LIST takes at most one message number"],
    ["LIST 1 2", "-ERR LIST takes at most one message number"],
    ["UIDL 3", "-ERR no such message"],
    ["TOP 1", "-ERR TOP takes a message number and a number of lines"],
    ["TOP 1 x", "-ERR TOP takes a message number and a number of lines"],
    ["TOP 3 1", "-ERR no such message"],
    ["STAT 1", "-ERR STAT takes no argument"],
    ["NOOP 1", "-ERR NOOP takes no argument"],
    ["QUIT 1", "-ERR QUIT takes no argument"],
    ["XRETR 1", "-ERR unknown command"],
    ["NOOPX", "-ERR unknown command"],
    ["", "-ERR unknown command"],
    [" NOOP", "-ERR unknown command"],
    ["__proto__", "-ERR unknown command"],
    ["STLS", "-ERR unknown command"],
    ["NOOP\0", "-ERR control character in command"],
    ["NO\rOP", "-ERR control character in command"],
    ["LAST", "+OK 0"],
    ["STAT", `+OK 2 ${TWO.reduce((sum, mail) => sum + mail.length, 0)}`],
  ] as const) {
    assert.equal(await client.ask(command), answer, command);
  }
});

test("DELE takes effect at QUIT, for this user alone, and the numbers close up", async (t) => {
  const { logIn } = await startDemo(t, { messages: TWO });
  const dropped = await logIn();
  assert.equal(await dropped.ask("DELE 1"), "+OK message 1 deleted");
  dropped.end();
  await dropped.expectEnd();
  const client = await logIn();
  assert.equal(await client.ask("UIDL 1"), `+OK 1 ${uid(TWO[0])}`);
  assert.equal(await client.ask("DELE 1"), "+OK message 1 deleted");
  assert.equal(await client.ask("QUIT"), "+OK bye");
  const again = await logIn();
  assert.equal(await again.ask("STAT"), `+OK 1 ${TWO[1]?.length}`);
  assert.equal(await again.ask("UIDL 1"), `+OK 1 ${uid(TWO[1])}`);
  assert.equal(await again.ask("RETR 2"), "-ERR no such message");
  const other = await logIn("ann");
  assert.equal(await other.ask("UIDL 1"), `+OK 1 ${uid(TWO[0])}`);
});

test("who is silent too long is closed without a word, and has deleted nothing", async (t) => {
  const { logIn } = await startDemo(t, { messages: TWO, timeout: 3 });
  const client = await logIn();
  assert.equal(await client.ask("DELE 1"), "+OK message 1 deleted");
  await client.expectEnd();
  const again = await logIn();
  assert.equal(await again.ask("UIDL 1"), `+OK 1 ${uid(TWO[0])}`);
});

test("close ends sessions and listener; a port in use is told", async (t) => {
  const { server, port, logIn } = await startDemo(t);
  const client = await logIn();
  const second = createDemoServer();
  await assert.rejects(second.listen(port), { code: "EADDRINUSE" });
  await second.close();
  await server.close();
  await client.expectEnd();
  const free = createServer();
  await new Promise<void>((resolve, reject) => free.once("error", reject).listen(port, "127.0.0.1", resolve));
  await new Promise((resolve) => free.close(resolve));
});

test("a mail that POP3 cannot bring is refused when the server is made", () => {
  assert.throws(() => createDemoServer({ messages: [Buffer.from("no line end")] }), TypeError);
});
