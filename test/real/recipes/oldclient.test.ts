/** "A certificate for an old client": openssl's commands as they stand, and curl, which is held to TLS 1.0 and RSA. */

import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { certified } from "../../stage/certificates";
import { testOfDraw } from "../../stage/draws";
import { recipe } from "../../stage/manual";
import { until } from "../../stage/waiting";
import { startTlsDovecot } from "../dovecot";
import { plain } from "../mails";
import { lacking, type Outcome, program, run } from "../programs";
import { same } from "../same";
import { scratch } from "../scratch";
import { password, user } from "../server";
import { replaced, startRecipe } from "./gateway";

const test = testOfDraw();

const NAME = "gateway.example.org";
const [commands = "", start] = recipe("A certificate for an old client");

/** Runs openssl's commands. @returns the folder that they have filled */
async function issued(t: TestContext, script: string): Promise<string> {
  const folder = scratch(t);
  const outcome = await run(program("sh"), ["-ec", script], { cwd: folder });
  assert.equal(outcome.code, 0, outcome.stderr);
  return folder;
}

/** What is imported has issued an RSA certificate, which has the gateway's name in both places. */
function assertAsTold(folder: string): void {
  const read = (file: string) => new X509Certificate(readFileSync(join(folder, file)));
  const [authority, own] = [read("ca.cer"), read("gateway.pem")];
  assert.ok(authority.ca && own.verify(authority.publicKey));
  assert.equal(own.publicKey.asymmetricKeyType, "rsa");
  assert.equal(own.publicKey.asymmetricKeyDetails?.modulusLength, 2048);
  assert.equal(own.subject, `CN=${NAME}`);
  assert.equal(own.subjectAltName, `DNS:${NAME}, IP Address:192.0.2.1`);
}

/** Starts the gateway with such a folder in front of dovecot. @returns its port, and what it has logged */
async function gatewayWith(t: TestContext, folder: string): Promise<{ port: number; said(): string }> {
  const server = await startTlsDovecot(t, certified("good"), plain);
  return startRecipe(
    t,
    replaced(start, {
      "--listen 995": "--listen 127.0.0.1:0",
      "/etc/pop3.proxy": folder,
      "mail.example.org": `localhost:${server.tlsPort}`,
    }),
  );
}

/** curl as a program of old retrieves the first mail. */
function retrieve(port: number, folder: string, name = NAME): Promise<Outcome> {
  const old = ["--tlsv1.0", "--tls-max", "1.0", "--ciphers", "AES128-SHA:@SECLEVEL=0"];
  const place = ["--connect-to", `::127.0.0.1:${port}`, "--cacert", join(folder, "ca.pem")];
  const argv = ["-q", "-sS", ...old, ...place, "-u", `${user}:${password}`, `pop3s://${name}/1`];
  return run(program("curl"), argv, { cwd: folder });
}

test("A certificate for an old client", { skip: lacking("dovecot", "openssl", "curl"), concurrency: 2 }, async (t) => {
  await Promise.all(
    [
      ["SHA-256", commands],
      ["SHA-1", replaced(commands, { "-sha256": "-sha1" })],
    ].map(([hash, script]) =>
      t.test(`${hash}`, async (t) => {
        const folder = await issued(t, `${script}`);
        assertAsTold(folder);
        const gateway = await gatewayWith(t, folder);
        // A certificate that is bound to names is good for those, and for its address.
        for (const name of [NAME, "192.0.2.1"]) {
          const outcome = await retrieve(gateway.port, folder, name);
          assert.equal(outcome.code, 0, outcome.stderr);
          same(outcome.stdout, plain[0] as Buffer);
        }
        assert.notEqual((await retrieve(gateway.port, folder, "other.example.org")).code, 0);
        for (const line of [/ warning tls code=tls-old-version /, / login .*tls="?TLSv1"?( |$)/m])
          await until(() => line.test(gateway.said()), gateway.said);
      }),
    ),
  );
});
