/** Clients that break off in a mail, or leave with commands still on their way. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { connectLoggedIn } from "../stage/dialogue";
import { startBetween, underTls } from "../stage/gateway";
import { cert } from "../stage/localhost";
import { Peer } from "../stage/peer";
import { until } from "../stage/waiting";

/** A mail of more octets than all buffers between the server and the client hold. */
const LARGE = Buffer.from(`+OK\r\n${"x".repeat(31 * 1024 * 1024)}\r\n.\r\n`);

/** Answers DELE and QUIT until the gateway leaves. @returns what it said */
async function serve(server: Peer): Promise<string[]> {
  const lines: string[] = [];
  for (;;) {
    const line = await server.line().catch(() => null);
    if (line === null) return lines;
    lines.push(line);
    await server.say("+OK");
  }
}

for (const verb of ["RETR 1", "TOP 1 100000"]) {
  for (const how of ["resets", "closes"] as const) {
    test(`B21: ${verb}, DELE 1, QUIT in one segment, and a client that ${how} in the mail: nothing is deleted`, async (t) => {
      const [gateway, accepting] = await startBetween(t);
      const [client, server] = await connectLoggedIn(gateway.port, accepting);
      await client.say(verb, "DELE 1", "QUIT");
      assert.equal(await server.line(), verb);
      const sent = server.write(LARGE);
      await client.peek(2000);
      client.pause();
      if (how === "resets") client.reset();
      else client.destroy();
      assert.deepEqual(await serve(server), []);
      await sent;
      assert.equal((await gateway.logged("close")).fields.code, "closed");
    });
  }
}

for (const how of ["resets", "closes"] as const) {
  test(`B21: the mail has left before the client ${how}: DELE and QUIT count`, async (t) => {
    const [gateway, accepting] = await startBetween(t);
    const [client, server] = await connectLoggedIn(gateway.port, accepting);
    await client.say("RETR 1", "DELE 1", "QUIT");
    assert.equal(await server.line(), "RETR 1");
    await server.write(`+OK\r\n${"x".repeat(1000)}\r\n.\r\n`);
    await client.upTo("\r\n.\r\n");
    if (how === "resets") client.reset();
    else client.destroy();
    assert.deepEqual(await serve(server), ["DELE 1", "QUIT"]);
    assert.equal((await gateway.logged("close")).fields.code, "quit");
  });
}

test("B21: a RETR that is refused holds nothing back", async (t) => {
  const [gateway, accepting] = await startBetween(t);
  const [client, server] = await connectLoggedIn(gateway.port, accepting);
  await client.say("RETR 9", "DELE 1", "QUIT");
  client.reset();
  assert.equal(await server.line(), "RETR 9");
  await server.say("-ERR no such message");
  assert.deepEqual(await serve(server), ["DELE 1", "QUIT"]);
  assert.equal((await gateway.logged("close")).fields.code, "quit");
});

for (const tls of [false, true]) {
  for (const how of ["resets", "closes with answers unread"] as const) {
    test(`B22: many commands with QUIT at the end, ${tls ? "under TLS, " : ""}a client that ${how}, a slow server: all count`, async (t) => {
      const [gateway, accepting] = await startBetween(t, underTls({ client: tls, server: false }));
      const client = tls ? await Peer.connectTls(gateway.port, { ca: cert }) : await Peer.connect(gateway.port);
      // Long lines: far more octets than the gateway reads ahead, in few commands.
      const count = 800;
      const commands = Array.from({ length: count }, (_, index) => `DELE ${`${index + 1}`.padStart(93)}\r\n`).join("");
      await client.say("USER joe", "PASS p");
      const server = await accepting.next();
      await server.say("+OK");
      for (let step = 0; step < 2; step++) {
        await server.line();
        await server.say("+OK");
      }
      await client.write(commands.slice(0, 20_000));
      assert.equal(await server.line(), "DELE 1");
      await client.write(`${commands.slice(20_000)}QUIT\r\n`);
      client.pause();
      if (how === "resets") client.reset();
      else client.destroy();
      await server.say("+OK");
      const heard = await serve(server);
      assert.equal(heard.length, count);
      assert.equal(heard.at(-1), "QUIT");
      assert.equal((await gateway.logged("close")).fields.code, "quit");
      await until(() => client.closed);
    });
  }
}
