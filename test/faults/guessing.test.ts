/**
 * Clients that guess passwords, and do not wait for the answer: how many guesses reach the server or the access control
 * program, and who is held up by them.
 */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { parseCidr } from "../../src/base/cidr";
import { startScripted } from "../stage/accepting";
import { script } from "../stage/acp";
import { connectGreeted, logIn } from "../stage/dialogue";
import { startGateway, type TestGateway, type Wishes } from "../stage/gateway";
import { Peer, type Place } from "../stage/peer";
import { until } from "../stage/waiting";

const DELAYED = "-ERR [LOGIN-DELAY] too many attempts to log in, try again later";

/** Longer than any wait of a test: who is held up by it is seen to be. */
const FOR_EVER = { refusal: 600_000, refusalMost: 600_000, turn: 600_000 };

/** When each password reached the server, and whose. */
interface Guess {
  readonly user: string;
  readonly at: number;
}

/** A gateway before a server where every password but "right" is wrong. @param judge what the server waits for */
async function scene(t: TestContext, wishes: Wishes, judge: () => Promise<unknown> = async () => {}) {
  const guesses: Guess[] = [];
  const { port } = await startScripted(t, async (server) => {
    await server.say("+OK");
    const user = (await server.line()).replace("USER ", "");
    await server.say("+OK");
    const password = await server.line();
    guesses.push({ user, at: performance.now() });
    await judge();
    await server.say(password === "PASS right" ? "+OK" : "-ERR no");
    await server.untilEnd();
    server.end();
  });
  const gateway = await startGateway(port, wishes, { t });
  return { gateway, guesses };
}

/** A client that has said a password; nothing of the answer was read. */
async function guess(t: TestContext, place: Place, user: string): Promise<Peer> {
  const client = await connectGreeted(place, t);
  await client.ask(`USER ${user}`);
  await client.say("PASS wrong");
  return client;
}

const elsewhere = ({ port }: TestGateway) => ({ port, host: "127.0.0.1", localAddress: "127.0.0.2" });

/** No guess of these came before the delay of the one before it was over; two may be under way at first. */
function assertSpaced(guesses: readonly Guess[], delays: readonly number[]): void {
  const gaps = guesses.slice(2).map(({ at }, index) => at - (guesses[index + 1] as Guess).at);
  for (const [index, least] of delays.entries()) assert.ok((gaps[index] as number) >= least - 2, `${gaps}`);
}

test("B24: 20 connections that guess and close: one guess for each delay reaches the server", async (t) => {
  // The server decides when all have said their password.
  const delayed = () => gateway.log.filter(({ fields }) => fields.code === "login-delay").length;
  const judge = () => until(() => delayed() === 14, "answers", { progress: delayed });
  const { gateway, guesses } = await scene(t, { limits: { refusal: 100, refusalMost: 400 } }, judge);
  const clients = await Promise.all(Array.from({ length: 20 }, () => guess(t, gateway.port, "joe")));
  for (const client of clients) client.socket.end();
  const answers = await Promise.all(clients.map((client) => client.rest()));
  assert.equal(answers.filter((answer) => answer === `${DELAYED}\r\n`).length, 14);
  assert.equal(answers.filter((answer) => answer === "-ERR no\r\n").length, 6);
  assert.equal(guesses.length, 6);
  assertSpaced(guesses, [200, 400, 400, 400]);
});

test("B24: 20 connections that guess and reset, again and again: one guess for each delay", async (t) => {
  // A reset behind a password looks like the end of input: some sessions go on to the answer, others leave before it.
  const judge = () => pause(100);
  const { gateway, guesses } = await scene(t, { limits: { refusal: 100, refusalMost: 400 } }, judge);
  let going = true;
  const guesser = async () => {
    for (; going; await pause(40)) {
      const before = guesses.length;
      const client = await guess(t, gateway.port, "joe");
      await until(() => guesses.length > before || client.ended || !going, "a guess or an answer");
      client.reset();
    }
  };
  const guessers = Array.from({ length: 20 }, guesser);
  await until(() => guesses.length >= 6, "guesses", { progress: () => guesses.length });
  going = false;
  await Promise.all(guessers);
  assertSpaced(guesses, [200, 400, 400, 400]);
});

test("B24: who has a right password waits for nothing: from elsewhere, and under another name", async (t) => {
  const { gateway, guesses } = await scene(t, { limits: FOR_EVER });
  const guessers = [await guess(t, gateway.port, "joe")];
  await until(() => gateway.log.some(({ event }) => event === "denied"), "a refusal");
  for (let i = 0; i < 10; i++) guessers.push(await guess(t, gateway.port, "joe"));
  assert.equal(await logIn(await connectGreeted(elsewhere(gateway), t), "joe", "right"), "+OK");
  assert.equal(await logIn(await connectGreeted(gateway.port, t), "jane", "right"), "+OK");
  assert.deepEqual(
    guesses.map(({ user }) => user),
    ["joe", "joe", "jane"],
  );
  for (const one of guessers) one.destroy();
});

test("B24: refusals for more than five names delay the client as a whole, and nobody else", async (t) => {
  const { gateway, guesses } = await scene(t, { limits: FOR_EVER });
  const guessers: Peer[] = [];
  for (const user of ["a", "b", "c", "d", "e", "f", "g"]) {
    guessers.push(await guess(t, gateway.port, user));
    await until(() => guesses.length === Math.min(guessers.length, 6), "a guess");
    await until(() => gateway.log.filter(({ event }) => event === "denied").length === guesses.length, "a refusal");
  }
  for (let i = 0; i < 3; i++) guessers.push(await guess(t, gateway.port, `more${i}`));
  const late = await guess(t, gateway.port, "jane");
  assert.equal(await late.line(), DELAYED);
  assert.equal(await logIn(await connectGreeted(elsewhere(gateway), t), "jane", "right"), "+OK");
  assert.equal(guesses.length, 7);
  for (const one of guessers) one.destroy();
});

test("B24: --exempt: neither delays nor a limit of sessions", async (t) => {
  const exempt = [parseCidr("127.0.0.0/31") ?? assert.fail()];
  const { gateway, guesses } = await scene(t, { limits: FOR_EVER, exempt, maxPerClient: 1 });
  const clients = await Promise.all(Array.from({ length: 12 }, () => guess(t, gateway.port, "joe")));
  for (const client of clients) assert.equal(await client.rest(), "-ERR no\r\n");
  assert.equal(guesses.length, 12);
  const [first, second] = [await guess(t, elsewhere(gateway), "joe"), await Peer.connect(elsewhere(gateway), t)];
  assert.equal(await second.line(), "-ERR [SYS/TEMP] too many sessions from your address");
  first.destroy();
});

test("B24: no guess reaches the access control program before its time, and none is asked for a client that left", async (t) => {
  const acp = script(t, "echo asked >&2", "exit 1");
  const { gateway, guesses } = await scene(t, { acp, limits: FOR_EVER });
  const first = await guess(t, gateway.port, "joe");
  await until(() => gateway.log.some(({ event }) => event === "denied"), "a refusal");
  const waiting: Peer[] = [];
  for (let i = 0; i < 4; i++) waiting.push(await guess(t, gateway.port, "joe"));
  assert.equal(await (await guess(t, gateway.port, "joe")).line(), DELAYED);
  for (const one of waiting) one.reset();
  const closed = () => gateway.log.filter(({ event }) => event === "close").length;
  await until(() => closed() === 5, "the ends of sessions", { progress: closed });
  assert.equal(gateway.log.filter(({ fields }) => fields.said === "asked").length, 1);
  assert.equal(guesses.length, 0);
  first.destroy();
});
