/**
 * The recipe of the reference: a client without TLS, dovecot that takes no login without it, and the gateway between
 * them. A certificate that is not good ends a login before anything is said.
 */

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { authority, certified, type Kind, pinOf } from "../stage/certificates";
import { connectGreeted, fetchMail, logIn, quit } from "../stage/dialogue";
import { drawn, tellDraw, testOfDraw } from "../stage/draws";
import { startProcess } from "../stage/process";
import { startTlsDovecot, type TlsServer } from "./dovecot";
import { mails, slowMails } from "./mails";
import { lacking } from "./programs";
import { same } from "./same";
import { inspect, password, user } from "./server";

const test = testOfDraw();

/** Fetches the whole maildrop through a gateway with these options; the server must have been spoken to under TLS. */
async function fetch(t: TestContext, server: TlsServer, ...options: string[]): Promise<void> {
  const { port } = await startProcess(options, { t, inspect });
  const client = await connectGreeted(port);
  await logIn(client, user, password);
  for (const [index, octets] of mails.entries()) same(await fetchMail(client, index + 1), octets);
  await quit(client);
  await server.saying(/Login: .*\n/);
  const logins = server.said().match(/Login: .*\n/g) ?? [];
  assert.ok(
    logins.every((line) => line.includes(", TLS")),
    server.said(),
  );
}

/** Tries to log in through a gateway with these options; what the client is told. The log says why, at this level. */
async function refusal(t: TestContext, level: "err" | "warning", ...options: string[]): Promise<string> {
  const gateway = await startProcess(options, { t, inspect: { ...inspect, faults: / err / } });
  const client = await connectGreeted(gateway.port);
  assert.match(await client.ask(`USER ${user}`), /^\+OK/);
  const answer = await client.ask(`PASS ${password}`);
  await client.expectEnd();
  client.end();
  await gateway.saying(new RegExp(`^\\S+ ${level} `, "m"));
  if (level === "err") assert.doesNotMatch(gateway.said(), / server> \S+ line="?(USER|PASS|AUTH)/);
  return answer;
}

tellDraw("modes of --server-tls, and certificates that are refused");

/** How a server is reached by one mode of --server-tls. */
const ways = [
  ["tls", (server: TlsServer) => server.tlsPort],
  ["starttls", (server: TlsServer) => server.port],
] as const;

test("TLS to dovecot", { skip: lacking("dovecot", "openssl"), concurrency: 4 }, async (t) => {
  const [good, own, rsa] = [certified("ec"), certified("self-signed"), certified("good")];

  const byMode = (
    name: string,
    play: (t: TestContext, mode: string, port: (server: TlsServer) => number) => Promise<void>,
  ) => drawn(ways, 1, name).map(([mode, port]) => t.test(`${mode}, ${name}`, (t) => play(t, mode, port)));

  await Promise.all([
    t.test("takes no login in clear, but from its own address", async (t) => {
      const server = await startTlsDovecot(t, good, mails);
      assert.match(await refusal(t, "warning", "--source", "127.0.0.2", `localhost:${server.port}`), /^-ERR/);
    }),

    ...byMode("the authority known", async (t, mode, port) => {
      const server = await startTlsDovecot(t, good, mails);
      await fetch(t, server, "--server-tls", mode, "--server-ca", authority(), `localhost:${port(server)}`);
    }),

    ...byMode("the client slow", async (t, mode, port) => {
      const all = slowMails();
      const server = await startTlsDovecot(t, good, all);
      const options = ["--server-tls", mode, "--server-ca", authority(), `localhost:${port(server)}`];
      const gateway = await startProcess(options, { t, inspect });
      const client = await connectGreeted(gateway.port);
      await logIn(client, user, password);
      for (const [index, octets] of all.entries()) {
        const mail = fetchMail(client, index + 1);
        client.pause();
        await sleep(100);
        client.resume();
        same(await mail, octets);
      }
      await quit(client);
    }),

    ...byMode("the server an address, its key RSA", async (t, mode, port) => {
      const server = await startTlsDovecot(t, rsa, mails);
      await fetch(t, server, "--server-ca", authority(), `127.0.0.1:${port(server)}`, "--server-tls", mode);
    }),

    ...byMode("a pin in hex for a certificate that nobody vouches for", async (t, mode, port) => {
      const server = await startTlsDovecot(t, own, mails);
      await fetch(t, server, "--server-tls", mode, "--server-pin", pinOf(own), `localhost:${port(server)}`);
    }),

    ...byMode("two pins in base64, the second right", async (t, mode, port) => {
      const server = await startTlsDovecot(t, own, mails);
      const pins = [good, own].flatMap((each) => ["--server-pin", pinOf(each, "base64")]);
      await fetch(t, server, "--server-tls", mode, ...pins, `localhost:${port(server)}`);
    }),

    ...byMode("a server that wants a certificate", async (t, mode, port) => {
      const server = await startTlsDovecot(t, good, mails, { clients: authority() });
      const options = ["--server-tls", mode, "--server-ca", authority(), `localhost:${port(server)}`];
      assert.match(await refusal(t, "warning", ...options), /^-ERR \[AUTH\] /);
      await fetch(t, server, ...options, "--server-cert", rsa.certFile, "--server-key", rsa.keyFile);
    }),
  ]);
});

test("T8: certificates that are refused", { skip: lacking("dovecot", "openssl"), concurrency: 4 }, async (t) => {
  const ca = ["--server-ca", authority()];
  const stranger = pinOf(certified("unknown authority"));
  const faults: readonly [string, Kind, string[]][] = [
    ["expired", "expired", ca],
    ["not yet valid", "not yet valid", ca],
    ["of another name", "wrong name", ca],
    ["of the address, not of the name", "address only", ca],
    ["self-signed", "self-signed", ca],
    ["of another authority", "unknown authority", ca],
    ["of an authority that the system does not know", "ec", []],
    ["good, with a pin that is not its own", "ec", [...ca, "--server-pin", stranger]],
  ];

  // test/tls/server-certificates.test.ts has all of them in its short form, too.
  const refused = (name: string, kind: Kind, host: string, options: readonly string[]) =>
    t.test(name, async (t) => {
      const server = await startTlsDovecot(t, certified(kind), []);
      for (const [mode, port] of drawn(ways, 1, name)) {
        const answer = await refusal(t, "err", "--server-tls", mode, ...options, `${host}:${port(server)}`);
        assert.match(answer, /^-ERR \[SYS\/TEMP\] /, mode);
      }
      assert.doesNotMatch(server.said(), /Login:|auth failed|tried to use/);
    });

  await Promise.all([
    ...drawn(faults, 4, "refused").map(([name, kind, options]) => refused(name, kind, "localhost", options)),
    refused("of an address, but as a name", "address as a name", "127.0.0.1", ca),
  ]);
});
