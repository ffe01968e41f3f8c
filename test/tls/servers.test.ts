/**
 * T2, T3: servers that are not under TLS when they should be, whatever they say instead. Whoever sits between us and a
 * server can play each of these; none of them may hear a name or a password.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { type Script, startScripted } from "../stage/accepting";
import { authority, certified, lacking } from "../stage/certificates";
import { connectGreeted, STLS_OFFERED, upToStls } from "../stage/dialogue";
import { startGateway } from "../stage/gateway";
import type { Peer } from "../stage/peer";
import { ownTime } from "../stage/stopwatch";
import { assertUnsaid, attempt, type Mode, PASSWORD, refused, USER, welcome } from "./login";

/** The first octets of a ServerHello. */
const SERVER_HELLO = "\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03";

/** A server that answers CAPA with these octets. */
const capa =
  (list: string): Script =>
  async (peer) => {
    await peer.say("+OK ready");
    await peer.answer("CAPA", list);
    await peer.untilEnd();
  };

/** A server that answers STLS with these octets. */
const stls =
  (answer: string): Script =>
  async (peer) => {
    await upToStls(peer, answer);
    await peer.untilEnd();
  };

/** A server that does this once STLS is agreed upon. */
const agreed =
  (then: (peer: Peer) => Promise<void> | void): Script =>
  async (peer) => {
    await upToStls(peer);
    await then(peer);
    await peer.untilEnd();
  };

/** A server that says this at once. */
const opening =
  (octets: string): Script =>
  async (peer) => {
    await peer.write(octets);
    await peer.untilEnd();
  };

/** Hears the ClientHello without an answer to it. */
async function hearHello(peer: Peer): Promise<void> {
  assert.equal(await peer.peek(), "\x16", "a handshake");
}

const STARTTLS: readonly (readonly [string, Script, RegExp])[] = [
  ["closes instead of a greeting", async (peer) => peer.end(), /closed the connection at login/],
  ["resets instead of a greeting", async (peer) => peer.reset(), /closed the connection at login|no connection/],
  ["refuses service", opening("-ERR not today\r\n"), /refuses service/],
  ["speaks TLS instead of a greeting", opening(`${SERVER_HELLO}\n`), /does not speak POP3/],
  ["says two lines for a greeting", opening("+OK ready\r\n+OK injected\r\n"), /spoke out of turn: \+OK injected/],
  ["T3: refuses CAPA", capa("-ERR unknown command\r\n"), /refuses CAPA/],
  ["T3: has no STLS in CAPA: stripped", capa("+OK\r\nTOP\r\nUSER\r\n.\r\n"), /does not offer STLS/],
  ["T3: has only words that look like it", capa("+OK\r\nXSTLS\r\nSTLSX\r\nSASL STLS\r\n.\r\n"), /does not offer STLS/],
  ["answers CAPA with garbage", capa("STLS\r\n.\r\n"), /does not speak POP3/],
  ["answers CAPA without an end", capa(`+OK\r\n${"X\r\n".repeat(500)}`), /no valid answer to CAPA/],
  ["answers CAPA with an endless line", capa(`+OK\r\nSTLS${"S".repeat(5000)}`), /no valid answer to CAPA/],
  ["injects behind CAPA", capa(`${STLS_OFFERED}+OK injected\r\n`), /spoke out of turn: \+OK injected/],
  ["closes inside CAPA", (peer) => closeAt(peer, "CAPA", "+OK\r\nSTLS\r\n"), /no valid answer to CAPA/],
  ["T3: refuses STLS", stls("-ERR no TLS today\r\n"), /refuses STLS: -ERR no TLS today/],
  ["answers STLS with garbage", stls("Certainly, sir\r\n"), /does not speak POP3: Certainly, sir/],
  ["answers STLS in lower case", stls("+ok\r\n"), /does not speak POP3/],
  ["answers STLS with a ServerHello", stls(`${SERVER_HELLO}\n`), /does not speak POP3/],
  ["answers STLS with 5000 octets", stls(`+OK ${"x".repeat(5000)}\r\n`), /more than 4096 octets/],
  [
    "T2: injects behind the answer to STLS",
    stls("+OK begin TLS\r\n+OK injected\r\n"),
    /sent octets in clear after its answer to STLS/,
  ],
  ["T2: injects half a line there", stls("+OK begin TLS\r\n+"), /sent octets in clear after its answer to STLS/],
  [
    "T2: injects there in a segment of its own",
    agreed(async (peer) => {
      await pause(20);
      await peer.write("+OK injected\r\n+OK injected\r\n");
    }),
    // On a busy machine the gateway reads it together with the answer.
    /TLS with server failed|sent octets in clear after its answer to STLS/,
  ],
  ["goes on in clear", agreed((peer) => hearHello(peer).then(() => peer.write("+OK\r\n"))), /TLS with server failed/],
  ["speaks TLS too early", stls(`+OK begin TLS\r\n${SERVER_HELLO}`), /sent octets in clear after its answer to STLS/],
  ["closes instead of the answer to STLS", (peer) => closeAt(peer, "STLS"), /closed the connection at login/],
  ["closes instead of the answer to CAPA", (peer) => closeAt(peer, "CAPA"), /closed the connection at login/],
  ["closes before the handshake", agreed((peer) => peer.end()), /TLS with server failed/],
  ["resets before the handshake", agreed((peer) => peer.reset()), /TLS with server failed/],
  ["closes in the handshake", agreed((peer) => hearHello(peer).then(() => peer.end())), /TLS with server failed/],
  ["resets in the handshake", agreed((peer) => hearHello(peer).then(() => peer.reset())), /TLS with server failed/],
  [
    "sends half a handshake and closes",
    agreed(async (peer) => {
      await hearHello(peer);
      await peer.write(SERVER_HELLO);
      peer.end();
    }),
    /TLS with server failed/,
  ],
];

/** Hears this line and closes instead of an answer, or inside it. */
async function closeAt(peer: Peer, line: "CAPA" | "STLS", answer = ""): Promise<void> {
  await peer.say("+OK ready");
  if (line === "STLS") await peer.answer("CAPA", STLS_OFFERED);
  await peer.answer(line, answer);
  peer.end();
}

const TLS: readonly (readonly [string, Script, RegExp])[] = [
  [
    "speaks plain POP3",
    opening("+OK ready\r\n"),
    /no connection: the answer is not TLS: if it is POP3 in clear, say --server-tls none or starttls, or \/none or \/starttls behind the server/,
  ],
  ["closes at once", async (peer) => peer.end(), /no connection: /],
  ["resets at once", async (peer) => peer.reset(), /no connection: /],
  ["closes in the handshake", (peer) => hearHello(peer).then(() => peer.end()), /no connection: /],
  ["resets in the handshake", (peer) => hearHello(peer).then(() => peer.reset()), /no connection: /],
  [
    "refuses with an alert",
    opening("\x15\x03\x03\x00\x02\x02\x28"),
    /no connection: the peer finds no version, cipher or certificate that both sides permit/,
  ],
];

test("servers that are not under TLS", { skip: lacking, concurrency: 4, timeout: 300_000 }, async (t) => {
  const cases = [
    ...STARTTLS.map(([name, script, reason]) => ["starttls", name, script, reason] as const),
    ...TLS.map(([name, script, reason]) => ["tls", name, script, reason] as const),
  ];
  await Promise.all(
    cases.map(([mode, name, script, reason]) =>
      t.test(name.replace(/^(T\d: )?/, `$1${mode}: a server that `), { timeout: 300_000 }, (t) =>
        refused(t, script, { mode }, reason),
      ),
    ),
  );
});

/** Servers that stand still; the time limits are shorter than the command line takes them. */
const STALLS: readonly (readonly [Mode, string, Script])[] = [
  ["starttls", "at the greeting", (peer) => peer.untilEnd()],
  ["starttls", "at CAPA", opening("+OK ready\r\n")],
  ["starttls", "inside CAPA", capa("+OK\r\nSTLS\r\n")],
  ["starttls", "at STLS", capa(STLS_OFFERED)],
  ["starttls", "after STLS", agreed(() => {})],
  ["starttls", "in the handshake", agreed((peer) => hearHello(peer).then(() => peer.write(SERVER_HELLO)))],
  ["tls", "at once", (peer) => peer.untilEnd()],
  ["tls", "in the handshake", opening(SERVER_HELLO)],
];

test("R3: servers that stall", { skip: lacking, concurrency: 8, timeout: 300_000 }, async (t) => {
  await Promise.all(
    STALLS.map(([mode, where, script]) =>
      t.test(`${mode}: ${where}`, async (t) => {
        const server = await startScripted(t, script);
        const settings = { serverTls: mode, serverCa: authority(), serverTimeout: 1000 };
        const gateway = await startGateway(server.port, settings, { t });
        const client = await connectGreeted(gateway.port, t);
        await client.ask(`USER ${USER}`);
        const began = ownTime();
        assert.match(await client.ask(`PASS ${PASSWORD}`), /^-ERR \[SYS\/TEMP\] /);
        assert.ok(ownTime() - began < 20_000, "within the limit, which is 30 s without the settings");
        await client.expectEnd();
        await gateway.logged("close");
        assert.equal(gateway.log.filter(({ event }) => event === "close").length, 1);
        assertUnsaid(server);
        await server.played();
      }),
    ),
  );
});

test("T4: what CAPA said in clear is forgotten; only the list under TLS counts", { skip: lacking }, async (t) => {
  const order: string[] = [];
  const script: Script = async (peer) => {
    await peer.say("+OK ready");
    await peer.answer("CAPA", "+OK\r\nSTLS\r\nPIPELINING\r\nEXPIRE 0\r\n.\r\n");
    await peer.answer("STLS", "+OK\r\n");
    await peer.acceptTls(certified("good"));
    await peer.answer(`USER ${USER}`, "+OK\r\n");
    await peer.answer(`PASS ${PASSWORD}`, "+OK welcome\r\n");
    for (let line = ""; line !== "QUIT"; ) {
      line = await peer.line();
      order.push(line);
      await pause(20);
      assert.equal(peer.unread, "", "one command at a time");
      await peer.write(line === "CAPA" ? "+OK\r\nUIDL\r\nSASL PLAIN\r\nSTLS\r\n.\r\n" : `+OK ${line}\r\n`);
    }
  };
  const { client, server } = await attempt(t, script, {
    mode: "starttls",
    options: ["--capa", "--server-ca", authority()],
  });
  await client.write("NOOP\r\nSTAT\r\nCAPA\r\nLAST\r\nQUIT\r\n");
  await client.expect("+OK NOOP\r\n+OK STAT\r\n+OK capability list follows\r\nUIDL\r\n.\r\n+OK LAST\r\n+OK QUIT\r\n");
  await client.expectEnd();
  await server.played();
  assert.deepEqual(order, ["NOOP", "STAT", "CAPA", "LAST", "QUIT"]);
  assertUnsaid(server);
});

test("a server with STLS that does all right hears the login, under TLS", { skip: lacking }, async (t) => {
  const script: Script = async (peer) => {
    await upToStls(peer);
    await peer.acceptTls(certified("good"));
    await welcome(peer);
  };
  const { reply, client, server } = await attempt(t, script, { mode: "starttls", apart: true });
  assert.equal(reply, "+OK welcome");
  assert.equal(await client.ask("QUIT"), "+OK bye");
  await server.played();
  assertUnsaid(server);
  assert.equal(server.peers[0]?.clear, "CAPA\r\nSTLS\r\n");
  assert.equal(server.peers[0]?.secret, `USER ${USER}\r\nPASS ${PASSWORD}\r\nQUIT\r\n`);
});
