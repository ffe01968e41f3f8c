/** A server that repeats the password: the client gets its text, the log does not. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { connectGreeted } from "../stage/dialogue";
import { startBetween } from "../stage/gateway";

const PASSWORD = `s3cr3t-${"x".repeat(600)}`;

/** Logs in at a server that answers PASS so, and closes. @returns what the client hears, and the log */
async function answered(t: TestContext, answer: string): Promise<[heard: string, log: string]> {
  const [gateway, accepting] = await startBetween(t, { debug: true });
  const client = await connectGreeted(gateway.port, t);
  await client.say("USER joe", `PASS ${PASSWORD}`);
  await client.line();
  const server = await accepting.next();
  await server.write("+OK\r\n");
  await server.answer("USER joe", "+OK\r\n");
  await server.answer(`PASS ${PASSWORD}`, answer);
  server.end();
  const heard = await client.rest();
  client.end();
  await gateway.logged("close");
  return [heard, gateway.said()];
}

test("a password in a server's answer is not in the log, whole or cut", async (t) => {
  for (const [answer, heard] of [
    [`-ERR ${PASSWORD}\r\n`, `-ERR ${PASSWORD}`.slice(0, 510)],
    [`-ERR not ${PASSWORD} again\r\n`, `-ERR not ${PASSWORD}`.slice(0, 510)],
    [`-ERR ${PASSWORD.slice(0, 7)}`, `-ERR ${PASSWORD.slice(0, 7)}`],
    [`what is ${PASSWORD.slice(0, 20)}\r\n`, "-ERR [SYS/TEMP] server not available"],
  ] as const) {
    const [told, log] = await answered(t, answer);
    assert.equal(told, `${heard}\r\n`);
    assert.doesNotMatch(log, /s3cr3t/);
    assert.match(log, /octets with a password in them/);
  }
});
