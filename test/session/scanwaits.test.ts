/** Mails through the scanner that take long: who waits, who leaves, and who is lost meanwhile. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Spool } from "../../src/scan/spool";
import { EICAR } from "../stage/clamd";
import { until } from "../stage/waiting";
import { CLEAN, INFECTED, session, stage } from "./scanned";

test("V3, V5: a client that waits gets header lines and no octet of the mail before the verdict", async (t) => {
  const scene = await stage(t, { limits: { pending: 40 } });
  const [client, server] = await session(scene, t);
  const pending = /^(X-Virus-Scan: pending\r\n)+/;
  for (const [body, end] of [
    [CLEAN, CLEAN],
    [INFECTED, /^From: "Virus scanner".*\r\n\.\r\n$/s],
    [CLEAN, null],
  ] as const) {
    let judge: (() => void) | null = null;
    scene.clamd.answer = (octets) =>
      new Promise((resolve) => {
        judge = () => resolve(end === null ? "" : octets.includes(EICAR) ? "stream: Eicar FOUND" : "stream: OK");
      });
    await client.say("RETR 1");
    await server.answer("RETR 1", `+OK 99 octets\r\n${body}`);
    await client.expect("+OK 99 octets\r\nX-Virus-Scan: pending\r\nX-Virus-Scan: pending\r\n");
    await until(() => judge !== null, "clamd has not got the mail");
    (judge as unknown as () => void)();
    const heard = end === null ? await client.rest() : await client.upTo("\r\n.\r\n");
    const rest = heard.replace(pending, "");
    if (end === null) assert.equal(rest, "", "closed without the last line");
    else if (typeof end === "string") assert.equal(rest, end);
    else assert.match(rest, end);
  }
  assert.equal(await server.rest(), "");
  assert.equal((await scene.gateway.logged("close")).fields.code, "scanner");
});

test("V3: the wait for a slow server counts, and a server that is lost then leaves a mail without an end", async (t) => {
  const scene = await stage(t, { limits: { pending: 30 } });
  const [client, server] = await session(scene, t);
  await client.say("RETR 1");
  await server.answer("RETR 1", "+OK 99 octets\r\nFrom: x\r\n");
  await client.expect("+OK 99 octets\r\nX-Virus-Scan: pending\r\n");
  server.end();
  assert.match(await client.rest(), /^(X-Virus-Scan: pending\r\n)*$/);
  await scene.gateway.logged("close");
});

test("B10: a mail that ends in LF, dot, CRLF is scanned when nothing more comes", async (t) => {
  const scene = await stage(t, { limits: { silence: 50 } });
  const [client, server] = await session(scene, t);
  await client.say("RETR 1");
  await server.answer("RETR 1", "+OK\r\nFrom: x\n\ntext\n.\r\n");
  await client.expect("+OK\r\nFrom: x\n\ntext\n.\r\n");
  assert.equal(String(scene.clamd.bodies.at(-1)), "From: x\n\ntext\n");
  assert.equal((await scene.gateway.logged("tolerated")).fields.code, "end-by-silence");
  await client.say("NOOP");
  await server.answer("NOOP", "+OK\r\n");
  assert.equal(await client.line(), "+OK");
});

test("B10: a mail is not ended by silence while the disk is slow", async (t) => {
  const scene = await stage(t, { limits: { silence: 1000 } });
  const [client, server] = await session(scene, t);
  let slow = true;
  let release = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  const { emptied } = Spool.prototype;
  t.mock.getter(Spool.prototype, "empty", () => !slow);
  const written = t.mock.method(Spool.prototype, "emptied", async function (this: Spool) {
    await emptied.call(this);
    await released;
  });
  await client.say("RETR 1");
  await server.answer("RETR 1", "+OK\r\nFrom: x\n\ntext\n.\r\n");
  await until(() => written.mock.callCount() > 0, "nothing is written");
  await pause(1500);
  await server.write("more\r\n.\r\n");
  slow = false;
  release();
  await client.expect("+OK\r\nFrom: x\n\ntext\n.\r\nmore\r\n.\r\n");
});

test("B10: a mail is not ended by silence when its rest came while the gateway stood still", async (t) => {
  const scene = await stage(t, { limits: { silence: 500 } });
  const [client, server] = await session(scene, t);
  const { emptied } = Spool.prototype;
  let stood = false;
  t.mock.method(Spool.prototype, "emptied", async function (this: Spool) {
    await emptied.call(this);
    if (stood) return;
    stood = true;
    void server.write("more\r\n.\r\n");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
  });
  await client.say("RETR 1");
  await server.answer("RETR 1", "+OK\r\nFrom: x\n\ntext\n.\r\n");
  await client.expect("+OK\r\nFrom: x\n\ntext\n.\r\nmore\r\n.\r\n");
  assert.ok(stood);
});

test("a client that leaves while its mail is scanned", async (t) => {
  const scene = await stage(t);
  const [client, server] = await session(scene, t);
  scene.clamd.answer = () => null;
  await client.write("RETR 1\r\nDELE 1\r\nQUIT\r\n");
  await server.answer("RETR 1", `+OK\r\n${CLEAN}`);
  await until(() => scene.clamd.bodies.length > 0, "clamd has not got the mail");
  client.reset();
  await scene.gateway.logged("close");
  assert.equal(await server.rest(), "");
});

test("I10: a server that is lost inside a mail, and nothing of the mail has left", async (t) => {
  const scene = await stage(t);
  for (const cut of [0, 1, 40, CLEAN.length - 1]) {
    const [client, server] = await session(scene, t);
    await client.say("RETR 1");
    await server.answer("RETR 1", `+OK\r\n${CLEAN.slice(0, cut)}`);
    server.end();
    assert.equal(await client.rest(), "-ERR [SYS/TEMP] connection to server lost\r\n", `${cut}`);
  }
  assert.equal(scene.clamd.bodies.length, 0);
});
