/** Only clamd's exact answers count. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Clamd, type ClamdAnswer } from "../../src/scan/clamd";
import { scratch } from "../stage/acp";
import { EICAR, FakeClamd } from "../stage/clamd";
import { freePort } from "../stage/ports";
import { until } from "../stage/waiting";

const limits = { ping: 30_000, scan: 30_000 };
const patient = new AbortController().signal;

async function* body(...chunks: (string | Buffer)[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

test("V2: clean, infected, and too large, by TCP and by a socket", async (t) => {
  const path = join(scratch(t), "clamd.ctl");
  for (const [fake, clamd] of [
    await FakeClamd.start(t).then((fake) => [fake, new Clamd(fake.address, limits)] as const),
    await FakeClamd.start(t, path).then((fake) => [fake, new Clamd({ path }, limits)] as const),
  ]) {
    await clamd.ping();
    assert.match(await clamd.version(), /^ClamAV /);
    assert.deepEqual(await clamd.scan(body("From: x\r\n", "", "\r\n"), patient), { kind: "clean" });
    assert.deepEqual(await clamd.scan(body(EICAR.slice(0, 9), EICAR.slice(9)), patient), {
      kind: "infected",
      name: "Eicar-Test-Signature",
    });
    assert.deepEqual(await clamd.scan(body(), patient), { kind: "clean" });
    fake.answer = () => "INSTREAM size limit exceeded. ERROR";
    assert.deepEqual(await clamd.scan(body("x"), patient), { kind: "oversize" });
    assert.deepEqual(fake.bodies.map(String), ["From: x\r\n\r\n", EICAR, "", "x"]);
  }
});

test("V1: any other answer, or none, is a fault", async (t) => {
  const fake = await FakeClamd.start(t);
  const clamd = new Clamd(fake.address, limits);
  for (const answer of [
    "",
    "stream: ok",
    "stream: OK ",
    " stream: OK",
    "stream: OK\n",
    "OK",
    "stream:  FOUND",
    "stream: X FOUND!",
    "stream: Can't allocate memory ERROR",
    "UNKNOWN COMMAND",
    "COMMAND READ TIMED OUT",
    "x".repeat(5000),
  ]) {
    fake.answer = () => answer;
    await assert.rejects(clamd.scan(body("x"), patient), /^Error: it (?:answers: |has closed)/, answer);
  }
  for (const pong of ["", "PONG PONG", "pong", "stream: OK"]) {
    fake.pong = pong;
    await assert.rejects(clamd.ping(), /^Error: it (?:answers: |has closed)/, pong);
  }
});

test("V1: a clamd that is not there, or does not answer, is a fault, and the session can give up", async (t) => {
  await assert.rejects(new Clamd({ host: "127.0.0.1", port: await freePort() }, limits).ping(), {
    code: "ECONNREFUSED",
  });
  await assert.rejects(new Clamd({ path: join(scratch(t), "none") }, limits).ping(), { code: "ENOENT" });
  const fake = await FakeClamd.start(t);
  fake.pong = null;
  fake.answer = () => null;
  const hasty = new Clamd(fake.address, { ping: 50, scan: 50 });
  await assert.rejects(hasty.ping(), /no answer in time/);
  await assert.rejects(hasty.scan(body("x"), patient), /no answer in time/);
  // What the hasty one has sent may have come, or not.
  const before = fake.bodies.length;
  const gone = new AbortController();
  const scanned = new Clamd(fake.address, limits).scan(body("x"), gone.signal);
  await until(() => fake.bodies.length > before, "no body");
  gone.abort(new Error("the client is gone"));
  await assert.rejects(scanned, /the client is gone/);
  await assert.rejects(new Clamd(fake.address, limits).scan(body("x"), gone.signal), /the client is gone/);
});

test("a body is read no faster than clamd takes it, and no further than to its answer", async (t) => {
  let answers = false;
  const server = createServer((socket) => {
    socket.on("error", () => {});
    if (answers) socket.end("INSTREAM size limit exceeded. ERROR\0");
    else socket.pause();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  t.after(() => server.close());
  const clamd = new Clamd({ host: "127.0.0.1", port: (server.address() as AddressInfo).port }, limits);
  let asked = 0;
  async function* endless(): AsyncGenerator<Buffer> {
    const chunk = Buffer.alloc(64 * 1024);
    for (; asked < 4096; asked++) yield chunk;
  }
  const gone = new AbortController();
  const scanned = clamd.scan(endless(), gone.signal);
  // Until the system takes no more.
  let before = -1;
  const still = () => {
    const stands = before === asked && asked > 0;
    before = asked;
    return stands;
  };
  await until(still, "it is still read", { every: 250 });
  assert.ok(asked < 1024, `${asked} chunks`);
  gone.abort(new Error("enough"));
  await assert.rejects(scanned, /enough/);
  answers = true;
  asked = 0;
  assert.deepEqual(await clamd.scan(endless(), patient), { kind: "oversize" });
  assert.ok(asked < 1024, `${asked} chunks`);
});

/** A scan by a clamd that answers behind the first chunk and resets the connection, before Node can read the answer. */
async function interrupted(t: TestContext, answer: string): Promise<ClamdAnswer> {
  let reset = () => {};
  const gone = new Promise<void>((resolve) => {
    reset = resolve;
  });
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => {
      socket.write(`${answer}\0`);
      socket.resetAndDestroy();
      reset();
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  t.after(() => server.close());
  async function* chunks() {
    yield Buffer.alloc(1024);
    await gone;
    for (let i = 0; i < 3; i++) yield Buffer.alloc(1024);
  }
  return new Clamd({ host: "127.0.0.1", port: (server.address() as AddressInfo).port }, limits).scan(chunks(), patient);
}

test("V2: an answer counts though the write behind it fails", async (t) => {
  assert.deepEqual(await interrupted(t, "INSTREAM size limit exceeded. ERROR"), { kind: "oversize" });
});

test("V1: no mail is clean before clamd has got all of it", async (t) => {
  await assert.rejects(interrupted(t, "stream: OK"), /^Error: it answers: stream: OK/);
});

test("sessions that ask at the same time share a PING", async (t) => {
  const fake = await FakeClamd.start(t);
  const clamd = new Clamd(fake.address, limits);
  await Promise.all(Array.from({ length: 20 }, () => clamd.ping()));
  assert.equal(fake.pings, 1);
  await clamd.ping();
  assert.equal(fake.pings, 2);
});
