/** --check and a server that does not offer what the options need: each warning, and what it tells to do. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { startScripted } from "../stage/accepting";
import { authority, certified, lacking } from "../stage/certificates";
import { checkInside } from "../stage/checking";
import { STLS_OFFERED } from "../stage/dialogue";

const AUTH = ["--auth", "PLAIN,OAUTHBEARER,XOAUTH2"];

/** The warnings for a server that says this. @param list null: it has no CAPA */
async function warned(t: TestContext, greeting: string, list: string | null, ...options: string[]): Promise<string[]> {
  const { port } = await startScripted(t, async (peer) => {
    await peer.say(greeting);
    await peer.answer("CAPA", list === null ? "-ERR what?\r\n" : `+OK\r\n${list}.\r\n`);
    await peer.line();
  });
  const { sound, said } = await checkInside("-D", ...options, `127.0.0.1:${port}`);
  assert.ok(sound, said);
  return warningsIn(said);
}

/** Those of a server, without its name. */
function warningsIn(said: string): string[] {
  return [...said.matchAll(/^warning: (?:127\.0\.0\.1|localhost):\d+ (.*)$/gm)].map(([, text]) => `${text}`);
}

const passwords = "lists neither USER nor SASL PLAIN: enable one there, or leave PLAIN out of --auth";
const lists = "lists neither SASL OAUTHBEARER nor SASL XOAUTH2:";
const leave = (mechanisms: string) => `or leave ${mechanisms} out of --auth`;
const tokens = `${lists} enable one there, ${leave("OAUTHBEARER and XOAUTH2")}`;
const afterwards = "say --server-tls starttls, behind which it may,";

for (const [name, list, expected, options] of [
  ["has both", "USER\r\nSASL PLAIN XOAUTH2\r\n", [], AUTH],
  ["has the other mechanism for tokens", "SASL OAUTHBEARER\r\n", [], ["--auth", "XOAUTH2"]],
  ["has PLAIN without USER", "SASL PLAIN\r\n", [], ["--auth", "PLAIN"]],
  ["has no tokens", "USER\r\nSASL PLAIN\r\n", [tokens], AUTH],
  ["has no tokens, which nobody wants", "USER\r\n", [], ["--auth", "PLAIN"]],
  ["has no passwords", "SASL XOAUTH2\r\n", [passwords], AUTH],
  ["has no passwords, without --auth", "SASL XOAUTH2\r\n", [], []],
  ["has nothing", "TOP\r\nSASL\r\n", [passwords, tokens], AUTH],
  ["has no CAPA", null, [`${lists} enable one there, ${leave("XOAUTH2")}`], ["--auth", "PLAIN,XOAUTH2"]],
  [
    "has more behind STLS",
    "STLS\r\nSASL\r\n",
    [
      "wants STLS before a login: say --server-tls starttls",
      `${lists} ${afterwards} ${leave("OAUTHBEARER and XOAUTH2")}`,
    ],
    AUTH,
  ],
  [
    "has STLS and USER",
    "STLS\r\nUSER\r\n",
    ["offers STLS, and is spoken to in clear: say --server-tls starttls", `${lists} ${afterwards} ${leave("XOAUTH2")}`],
    ["--auth", "XOAUTH2"],
  ],
] as const) {
  test(`--auth, and a server that ${name}`, async (t) => {
    assert.deepEqual(await warned(t, "+OK ready", list, ...options), expected);
  });
}

test("a server with a TLS mode of its own, which --server-tls would not change", async (t) => {
  const { port } = await startScripted(t, async (peer) => {
    await peer.say("+OK ready");
    await peer.answer("CAPA", "+OK\r\nSTLS\r\nUSER\r\n.\r\n");
    await peer.line();
  });
  const { said } = await checkInside("-D", `127.0.0.1:${port}/none`);
  const told = "offers STLS, and is spoken to in clear: write /starttls behind the server";
  assert.deepEqual(warningsIn(said), [told]);
  const without = await startScripted(t, async (peer) => {
    await peer.say("+OK ready");
    await peer.answer("CAPA", "+OK\r\nUSER\r\n.\r\n");
    await peer.line();
  });
  const wrong = await checkInside("-D", `127.0.0.1:${without.port}/starttls`);
  assert.match(wrong.said, /^FAULT: server: .*STLS.*: try port 995, or \/none behind the server$/m);
});

test("--auth, and a server that has the mechanisms behind STLS alone", { skip: lacking }, async (t) => {
  const { cert, key } = certified("good");
  const { port } = await startScripted(t, async (peer) => {
    await peer.say("+OK ready");
    await peer.answer("CAPA", STLS_OFFERED);
    await peer.answer("STLS", "+OK\r\n");
    await peer.acceptTls({ cert, key });
    await peer.answer("CAPA", "+OK\r\nUSER\r\nSASL OAUTHBEARER\r\n.\r\n");
    await peer.line();
  });
  const tls = ["--server-tls", "starttls", "--server-ca", authority()];
  const { said } = await checkInside("-D", ...tls, ...AUTH, `localhost:${port}`);
  assert.match(said, /^server offers: USER, SASL OAUTHBEARER$/m);
  assert.deepEqual(warningsIn(said), []);
});

test("--xclient, and a server that does not offer it", async (t) => {
  const mend = "add 127.0.0.1 to Dovecot's login_trusted_networks, or leave out --xclient";
  const warning = `does not offer XCLIENT, and takes all clients for the gateway: ${mend}`;
  assert.deepEqual(await warned(t, "+OK Dovecot ready.", "USER\r\n", "--xclient"), [warning]);
  assert.deepEqual(await warned(t, "+OK Dovecot ready.", null, "--xclient"), [warning]);
  assert.deepEqual(await warned(t, "+OK [XCLIENT] Dovecot ready.", "USER\r\n", "--xclient"), []);
  assert.deepEqual(await warned(t, "+OK Dovecot ready.", "USER\r\n"), []);
});

test("--utf8, and a server that does not list it", async (t) => {
  const warning =
    "does not list UTF8, which clients are told they can use: leave out --utf8, unless another server has it";
  assert.deepEqual(await warned(t, "+OK ready", "USER\r\n", "--utf8"), [warning]);
  assert.deepEqual(await warned(t, "+OK ready", null, "--utf8"), [warning]);
  assert.deepEqual(await warned(t, "+OK ready", "USER\r\nUTF8 USER\r\n", "--utf8"), []);
});
