import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { note, startDemo } from "../stage/demo";
import { Peer } from "../stage/peer";
import { until } from "../stage/waiting";

const TWO = [note("one", "1"), note("two")];
const GREETING = "+OK POP3 sample server ready\r\n";
const LOGIN = "USER joe\r\nPASS demo\r\n";
const LOGGED_IN = "+OK password required\r\n+OK maildrop has 2 messages (35 octets)\r\n";

/** From now on, the server's sockets, told by the client at the other end. */
function servedSockets(t: TestContext): (client: Peer) => Socket {
  const accepted: Socket[] = [];
  const accept = (message: unknown): void => void accepted.push((message as { socket: Socket }).socket);
  subscribe("net.server.socket", accept);
  t.after(() => unsubscribe("net.server.socket", accept));
  return (client) => {
    const { localPort } = client.socket;
    return accepted.find((socket) => socket.remotePort === localPort) ?? assert.fail("no such connection");
  };
}

test("pipelined commands are answered in order, wherever they are cut", async (t) => {
  const { port } = await startDemo(t, { messages: TWO });
  const commands = `${LOGIN}STAT\r\nRETR 2\r\nBOGUS\r\nTOP 1 0\nDELE 1\r\nLIST\r\nRSET\r\nQUIT\r\n`;
  const answers = [
    GREETING,
    LOGGED_IN,
    "+OK 2 35\r\n",
    "+OK 16 octets\r\nSubject: two\r\n\r\n.\r\n",
    "-ERR unknown command\r\n",
    "+OK top of the message follows\r\nSubject: one\r\n\r\n.\r\n",
    "+OK message 1 deleted\r\n",
    "+OK 1 messages (16 octets)\r\n2 16\r\n.\r\n",
    "+OK maildrop has 2 messages (35 octets)\r\n",
    "+OK bye\r\n",
  ].join("");
  for (const size of [commands.length, 1, 7]) {
    const client = await Peer.connect(port, t);
    for (let at = 0; at < commands.length; at += size) {
      await client.write(commands.slice(at, at + size));
      // So that the pieces are chunks of their own, at least for the most part.
      if (size < commands.length) await new Promise(setImmediate);
    }
    await client.expect(answers);
    await client.expectEnd();
  }
});

test("commands and a FIN: all is answered, and QUIT counts", async (t) => {
  const { connect, logIn } = await startDemo(t, { messages: TWO });
  const client = await connect();
  await client.write(`${LOGIN}DELE 1\r\nRETR 2\r\nQUIT\r\n`);
  client.end();
  await client.expect(`${LOGGED_IN}+OK message 1 deleted\r\n+OK 16 octets\r\nSubject: two\r\n\r\n.\r\n+OK bye\r\n`);
  await client.expectEnd();
  await client.expectClose();
  const again = await logIn();
  assert.equal(await again.ask("STAT"), "+OK 1 16");
});

test("a FIN without QUIT, or in the middle of it, deletes nothing", async (t) => {
  const { connect, logIn } = await startDemo(t, { messages: TWO });
  for (const last of ["", "QUIT", "QUIT\r"]) {
    const client = await connect();
    await client.write(`${LOGIN}DELE 1\r\n${last}`);
    client.end();
    await client.expect(`${LOGGED_IN}+OK message 1 deleted\r\n`);
    await client.expectEnd();
  }
  const again = await logIn();
  assert.equal(await again.ask("STAT"), "+OK 2 35");
});

test("what follows QUIT is read but not answered, and does not hold the connection", {
  timeout: 300_000,
}, async (t) => {
  const { logIn } = await startDemo(t, { messages: TWO });
  const served = servedSockets(t);
  const client = await logIn();
  const flood = `QUIT\r\nSTAT\r\n${"NOOP\r\n".repeat(100_000)}`;
  await client.write(flood);
  await client.expect("+OK bye\r\n");
  await client.expectEnd();
  client.end();
  const socket = served(client);
  await until(() => socket.destroyed, "the end of the connection");
  // Closed with octets unread, the system sends a reset, and that may overtake an answer.
  assert.equal(socket.bytesRead, LOGIN.length + flood.length);
});

test("a line of 255 octets is a command, a longer one is none, however long", async (t) => {
  const { logIn } = await startDemo(t, { messages: TWO });
  const client = await logIn();
  assert.equal(await client.ask(`NOOP${" ".repeat(249)}`), "+OK");
  assert.equal(await client.ask(`NOOP${" ".repeat(250)}`), "-ERR command line too long");
  await client.write(`NOOP${" ".repeat(250)}\n`);
  await client.expect("+OK\r\n");
  // Its end looks like a command; it is never run.
  await client.write("x".repeat(1_000_000));
  await client.write(`${"x".repeat(254)}\r\n`);
  await client.expect("-ERR command line too long\r\n");
  await client.write("y".repeat(300));
  await pause(20);
  await client.say("DELE 1");
  await client.expect("-ERR command line too long\r\n");
  assert.equal(await client.ask("STAT"), "+OK 2 35");
});

test("a client that does not read is not read from: one mail waits, not a hundred", { timeout: 300_000 }, async (t) => {
  const mail = note("large", ...Array<string>(40_000).fill("x".repeat(78)));
  const { connect, logIn } = await startDemo(t, { messages: [mail] });
  const served = servedSockets(t);
  const client = await logIn();
  const socket = served(client);

  const before = client.heard.length;
  client.pause();
  await client.write("RETR 1\r\n".repeat(100));
  await client.write("NOOP\r\n".repeat(1000));
  let waiting = 0;
  for (let i = 0; i < 10; i++) {
    await pause(20);
    waiting = Math.max(waiting, socket.writableLength);
  }
  assert.equal(waiting > 0, true, "the client did not fall behind");
  assert.equal(waiting < mail.length + 65_536 + 100, true, `${waiting} octets wait`);

  // Then it reads some, and the server goes on; then it is gone, and the maildrop is free.
  client.resume();
  const progress = () => client.heard.length;
  await until(() => client.heard.length >= before + 3 * mail.length, "three mails", { progress });
  client.reset();
  const next = await connect();
  for (let answer = ""; !answer.startsWith("+OK"); answer = await next.ask("PASS demo")) await next.ask("USER joe");
});

test("a slow reader gets all of it in order", async (t) => {
  const mail = note("large", ...Array<string>(10_000).fill("x".repeat(78)));
  const { logIn } = await startDemo(t, { messages: [mail] });
  const client = await logIn();
  client.pause();
  await client.write(`${"RETR 1\r\nSTAT\r\n".repeat(10)}QUIT\r\n`);
  client.end();
  await pause(50);
  client.resume();
  const response = `+OK ${mail.length} octets\r\n${mail.toString("latin1")}.\r\n`;
  for (let i = 0; i < 10; i++) await client.expect(`${response}+OK 1 ${mail.length}\r\n`);
  await client.expect("+OK bye\r\n");
  await client.expectEnd();
});

test("a client that stops reading is timed out, and the QUIT it had sent counts no more", {
  timeout: 300_000,
}, async (t) => {
  const mail = note("large", ...Array<string>(40_000).fill("x".repeat(78)));
  const { connect, logIn } = await startDemo(t, { messages: [mail], timeout: 3 });
  const client = await logIn();
  client.pause();
  await client.write(`${"RETR 1\r\n".repeat(20)}DELE 1\r\nQUIT\r\n`);
  let answer = "";
  while (!answer.startsWith("+OK")) {
    await pause(20);
    const next = await connect();
    await next.ask("USER joe");
    answer = await next.ask("PASS demo");
    next.destroy();
  }
  assert.equal(answer, `+OK maildrop has 1 messages (${mail.length} octets)`);
});
