/**
 * What sslscan finds at listeners of both kinds: old protocols, weak ciphers, Heartbleed; and s_client what sslscan does
 * not look for (Debian's, of OpenSSL 3) or not well: compression and renegotiation.
 */

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { certified, withCertificates } from "../stage/certificates";
import { testOfDraw } from "../stage/draws";
import { startProcess } from "../stage/process";
import { until } from "../stage/waiting";
import { lacking, program, run, start } from "./programs";
import { inspect } from "./server";

const test = testOfDraw();

/** sslscan's findings as XML. */
async function scan(port: number, ...options: string[]): Promise<string> {
  const argv = ["--no-colour", "--ipv4", "--xml=-", ...options, `localhost:${port}`];
  const outcome = await run(program("sslscan"), argv);
  assert.equal(outcome.code, 0, outcome.stderr);
  return outcome.stdout.toString();
}

/** What s_client says of a TLS 1.2 connection, where it renegotiates six times and then gives a PASS without USER. */
async function negotiate(port: number, ...options: string[]): Promise<string> {
  const argv = ["s_client", "-connect", `127.0.0.1:${port}`, "-tls1_2", "-crlf", ...options];
  const child = start(program("openssl"), argv);
  let said = "";
  let ended = false;
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: Buffer) => (said += chunk));
  child.once("close", () => (ended = true));
  child.stdin?.on("error", () => {});
  const says = (what: RegExp, count: number) =>
    until(
      () => ended || (said.match(what)?.length ?? 0) >= count,
      () => said,
      { progress: () => said.length },
    );
  await says(/^-ERR|^\+OK/gm, 1);
  for (let count = 1; count <= 6; count++) {
    // It obeys a line that it reads alone, and checks the certificate again in each handshake.
    child.stdin?.write("R\n");
    await says(/^depth=0/gm, count + 1);
    await sleep(150);
  }
  child.stdin?.write("PASS x\n");
  await sleep(150);
  child.stdin?.end("Q\n");
  await says(/$^/, 1);
  return said;
}

/** The values of one attribute of all elements of a name, with those of another in front: `first=second`. */
function found(xml: string, element: string, first: string, second: string): string[] {
  return [...xml.matchAll(new RegExp(`<${element} [^>]*>`, "g"))].map(([tag]) => {
    const value = (name: string) => new RegExp(` ${name}="([^"]*)"`).exec(tag)?.[1] ?? "";
    return `${value(first)}=${value(second)}`;
  });
}

/** NULL, EXPORT, anonymous, DES and 3DES, RC2 and RC4, MD5, PSK and SRP without a secret. */
const weak = /NULL|EXP|anon|ADH|AECDH|DES|RC[24]|MD5|IDEA|SEED|PSK|SRP/i;

test("sslscan", { skip: lacking("sslscan", "openssl"), concurrency: 4 }, async (t) => {
  for (const kind of ["ec", "rsa"] as const) {
    const pair = withCertificates(certified(kind === "ec" ? "ec" : "good"));
    const argv = [...pair, "--max-per-client", "1000", "127.0.0.1:1"];
    const gateway = await startProcess(argv, { t, listeners: ["/tls", "/starttls"], inspect });

    await Promise.all(
      [[], ["--starttls-pop3"]].map((options, index) =>
        t.test(`${index ? "/starttls" : "/tls"}, key ${kind}`, async () => {
          const xml = await scan(gateway.ports[index] as number, ...options);
          const protocols = [...xml.matchAll(/<protocol type="(\w+)" version="([\d.]+)" enabled="(\d)"/g)];
          assert.deepEqual(
            protocols.map(([, type, version, enabled]) => `${type}${version}=${enabled}`),
            ["ssl2=0", "ssl3=0", "tls1.0=0", "tls1.1=0", "tls1.2=1", "tls1.3=1"],
            xml,
          );
          assert.ok(!found(xml, "compression", "supported", "supported").includes("1=1"), xml);
          assert.ok(
            found(xml, "renegotiation", "supported", "secure").every((one) => /^(0=\d|1=1)$/.test(one)),
            xml,
          );
          const bleeding = found(xml, "heartbleed", "sslversion", "vulnerable");
          assert.deepEqual(bleeding.sort(), ["TLSv1.2=0", "TLSv1.3=0"], xml);
          const ciphers = found(xml, "cipher", "cipher", "bits");
          assert.ok(ciphers.length > 3, xml);
          assert.doesNotMatch(gateway.said(), / refused /);
          for (const cipher of ciphers) assert.doesNotMatch(cipher, weak);
          for (const cipher of ciphers) assert.ok(Number(cipher.split("=")[1]) >= 128, cipher);
        }),
      ),
    );

    await Promise.all(
      [[], ["-starttls", "pop3"]].map((options, index) =>
        t.test(`s_client, ${index ? "/starttls" : "/tls"}, key ${kind}`, async () => {
          const said = await negotiate(gateway.ports[index] as number, ...options);
          assert.match(said, /^Compression: NONE$/m);
          assert.match(said, /^Secure Renegotiation IS supported$/m);
          assert.match(said, /RENEGOTIATING/);
          // What comes last is not answered: by then the connection has been given up.
          assert.doesNotMatch(said, /^-ERR give USER first\r?$/m, "six renegotiations in a second, and no limit");
        }),
      ),
    );
  }
});
