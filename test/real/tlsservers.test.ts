/**
 * The recipe of the reference: a client without TLS, dovecot that takes no login without it, and the gateway between
 * them. A certificate that is not good ends a login before anything is said.
 */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Authority, type Certificate, pin } from "./certificates";
import { Dialogue } from "./dialogue";
import { startTlsDovecot, type TlsServer } from "./dovecot";
import { mails } from "./mails";
import { lacking } from "./programs";
import { same } from "./same";
import { password, user } from "./server";
import { startTlsGateway } from "./tlsgateway";

/** Fetches the whole maildrop through a gateway with these options; the server must have been spoken to under TLS. */
async function fetch(t: TestContext, server: TlsServer, ...options: string[]): Promise<void> {
  const gateway = await startTlsGateway(t, [""], options);
  const dialogue = await Dialogue.login(gateway.ports[0] as number, user, password);
  for (const [index, octets] of mails.entries()) same(await dialogue.mail(index + 1), octets);
  await dialogue.quit();
  const logins = server.said().match(/Login: .*/g) ?? [];
  assert.ok(logins.length > 0 && logins.every((line) => line.includes(", TLS")), server.said());
}

/** Tries to log in through a gateway with these options; what the client is told. The log says why, at this level. */
async function refusal(t: TestContext, level: "err" | "warning", ...options: string[]): Promise<string> {
  const gateway = await startTlsGateway(t, [""], options, / err /);
  const dialogue = await Dialogue.open(gateway.ports[0] as number);
  assert.match(await dialogue.ask(`USER ${user}`), /^\+OK/);
  const answer = await dialogue.ask(`PASS ${password}`);
  assert.equal(await dialogue.end(), "");
  await gateway.saying(new RegExp(`^\\S+ ${level} `, "m"));
  if (level === "err") assert.doesNotMatch(gateway.said(), / server> \S+ line="?(USER|PASS|AUTH)/);
  return answer;
}

/** How a server is reached by one mode of --server-tls. */
const ways = [
  ["tls", (server: TlsServer) => server.tlsPort],
  ["starttls", (server: TlsServer) => server.port],
] as const;

test("TLS to dovecot", { skip: lacking("dovecot", "openssl"), concurrency: 4 }, async (t) => {
  const authority = await Authority.make(t);
  const good = await authority.issue();
  const own = await authority.selfSigned();
  const rsa = await authority.issue({ kind: "rsa" });

  await Promise.all([
    t.test("takes no login in clear, but from its own address", async (t) => {
      const server = await startTlsDovecot(t, good, mails);
      assert.match(await refusal(t, "warning", "--source", "127.0.0.2", `localhost:${server.port}`), /^-ERR/);
    }),

    ...ways.flatMap(([mode, port]) => [
      t.test(`${mode}, the authority known`, async (t) => {
        const server = await startTlsDovecot(t, good, mails);
        await fetch(t, server, "--server-tls", mode, "--server-ca", authority.ca, `localhost:${port(server)}`);
      }),

      t.test(`${mode}, the client slow`, async (t) => {
        const server = await startTlsDovecot(t, good, mails);
        const options = ["--server-tls", mode, "--server-ca", authority.ca, `localhost:${port(server)}`];
        const gateway = await startTlsGateway(t, [""], options);
        const dialogue = await Dialogue.login(gateway.ports[0] as number, user, password);
        for (const [index, octets] of mails.entries()) {
          const mail = dialogue.mail(index + 1);
          dialogue.socket.pause();
          await sleep(100);
          dialogue.socket.resume();
          same(await mail, octets);
        }
        await dialogue.quit();
      }),

      t.test(`${mode}, the server an address, its key RSA`, async (t) => {
        const server = await startTlsDovecot(t, rsa, mails);
        await fetch(t, server, "--server-ca", authority.ca, `127.0.0.1:${port(server)}`, "--server-tls", mode);
      }),

      t.test(`${mode}, a pin in hex for a certificate that nobody vouches for`, async (t) => {
        const server = await startTlsDovecot(t, own, mails);
        await fetch(t, server, "--server-tls", mode, "--server-pin", pin(own, "hex"), `localhost:${port(server)}`);
      }),

      t.test(`${mode}, two pins in base64, the second right`, async (t) => {
        const server = await startTlsDovecot(t, own, mails);
        const pins = [good, own].flatMap((each) => ["--server-pin", pin(each, "base64")]);
        await fetch(t, server, "--server-tls", mode, ...pins, `localhost:${port(server)}`);
      }),

      t.test(`${mode}, a server that wants a certificate`, async (t) => {
        const server = await startTlsDovecot(t, good, mails, authority.ca);
        const options = ["--server-tls", mode, "--server-ca", authority.ca, `localhost:${port(server)}`];
        assert.match(await refusal(t, "warning", ...options), /^-ERR \[AUTH\] /);
        await fetch(t, server, ...options, "--server-cert", rsa.cert, "--server-key", rsa.key);
      }),
    ]),
  ]);
});

test("T8: certificates that are refused", { skip: lacking("dovecot", "openssl"), concurrency: 4 }, async (t) => {
  const authority = await Authority.make(t);
  const stranger = await (await Authority.make(t)).issue();
  const good = await authority.issue();
  const ca = ["--server-ca", authority.ca];
  const faults: readonly [string, Certificate, string[]][] = [
    ["expired", await authority.issue({ days: [-30, -1] }), ca],
    ["not yet valid", await authority.issue({ days: [1, 30] }), ca],
    ["of another name", await authority.issue({ names: ["DNS:example.org", "DNS:*.localhost"] }), ca],
    ["of the address, not of the name", await authority.issue({ names: ["IP:127.0.0.1"] }), ca],
    ["self-signed", await authority.selfSigned(), ca],
    ["of another authority", stranger, ca],
    ["of an authority that the system does not know", good, []],
    ["good, with a pin that is not its own", good, [...ca, "--server-pin", pin(stranger, "hex")]],
  ];

  const refused = (name: string, certificate: Certificate, host: string, options: readonly string[]) =>
    t.test(name, async (t) => {
      const server = await startTlsDovecot(t, certificate, []);
      for (const [mode, port] of ways) {
        const answer = await refusal(t, "err", "--server-tls", mode, ...options, `${host}:${port(server)}`);
        assert.match(answer, /^-ERR \[SYS\/TEMP\] /, mode);
      }
      assert.doesNotMatch(server.said(), /Login:|auth failed|tried to use/);
    });

  const named = await authority.issue({ names: ["DNS:localhost", "DNS:127.0.0.1"] });
  await Promise.all([
    ...faults.map(([name, certificate, options]) => refused(name, certificate, "localhost", options)),
    refused("of an address, but as a name", named, "127.0.0.1", ca),
  ]);
});
