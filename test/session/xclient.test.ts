/** XCLIENT towards a server: whom the gateway speaks for. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { offersXclient, xclient } from "../../src/protocol/xclient";
import { connectGreeted } from "../stage/dialogue";
import { startBetween } from "../stage/gateway";

test("I13: a server that offers XCLIENT gets it before the login, and another one does not", async (t) => {
  const [gateway, accepting] = await startBetween(t, { xclient: true, utf8: true, debug: true });
  for (const offered of [true, false]) {
    const client = await connectGreeted(gateway.port, t);
    await client.ask("UTF8");
    await client.say("USER joe", "PASS p");
    await client.line();
    const server = await accepting.next();
    await server.write(offered ? "+OK [XCLIENT] Dovecot ready.\r\n" : "+OK Dovecot ready.\r\n");
    if (offered) {
      const { fields } = await gateway.logged("connect");
      const to = `DESTADDR=127.0.0.1 DESTPORT=${gateway.port}`;
      const expected = `ADDR=127.0.0.1 PORT=${fields.port} ${to} SESSION=${fields.session} CLIENT-TRANSPORT=insecure`;
      await server.answer(`XCLIENT ${expected}`, "+OK Updated\r\n");
      assert.equal((await gateway.logged("server>")).fields.line, `XCLIENT ${expected}`);
    }
    await server.answer("UTF8", "+OK\r\n");
    await server.answer("USER joe", "+OK\r\n");
    client.destroy();
  }
});

test("a server that refuses XCLIENT is no reason to fail, and without --xclient it gets none", async (t) => {
  for (const wanted of [true, false]) {
    const [gateway, accepting] = await startBetween(t, { xclient: wanted });
    const client = await connectGreeted(gateway.port, t);
    await client.say("USER joe", "PASS p");
    await client.line();
    const server = await accepting.next();
    await server.write("+OK [XCLIENT] ready\r\n");
    if (wanted) {
      assert.match(await server.line(), /^XCLIENT /);
      await server.write("-ERR Invalid parameters\r\n");
    }
    await server.answer("USER joe", "+OK\r\n");
    await server.answer("PASS p", "+OK\r\n");
    assert.equal(await client.line(), "+OK");
    if (wanted) assert.equal((await gateway.logged("tolerated")).fields.code, "no-xclient");
    client.destroy();
  }
});

test("I15: no value of XCLIENT holds what could end it", () => {
  const from = { address: "fe80::1%eth0", port: 5 };
  const to = { address: "2001:db8::1", port: 995 };
  assert.equal(
    xclient(from, to, "a b\r\nQUIT=+", true),
    "XCLIENT ADDR=fe80::1 PORT=5 DESTADDR=2001:db8::1 DESTPORT=995 SESSION=a+20b+0D+0AQUIT+3D+2B CLIENT-TRANSPORT=TLS",
  );
});

test("a greeting offers XCLIENT by that word alone", () => {
  for (const greeting of ["+OK [XCLIENT] Dovecot ready.", "+OK [xclient]", "+OK XCLIENT", "+OK [A XCLIENT B] x"]) {
    assert.ok(offersXclient(greeting), greeting);
  }
  for (const greeting of ["+OK Dovecot ready.", "+OK NOXCLIENT", "+OK [XCLIENTS]", "+OK <XCLIENT@x>"]) {
    assert.ok(!offersXclient(greeting), greeting);
  }
});
