/**
 * R8: certificates anew on SIGHUP. New handshakes get the new one; what can't be used leaves the old one in place; and
 * a session that is in the middle of a mail does not notice any of it.
 */

import assert from "node:assert/strict";
import { chmodSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { type Certified, certified, fileOf, lacking } from "../stage/certificates";
import { connectSecure, loginSecure, rawOf, startHouse, withCertificates } from "./client";
import type { TlsGateway } from "./gateway";

/** A mail that no buffer on its way could hold. */
const MAIL = Buffer.from(`Subject: long\r\n\r\n${`${"0123456789abcdef".repeat(4)}\r\n`.repeat(200_000)}`);

/** Puts a certificate and its key where the gateway will look for them. */
function place({ cert, key }: Pick<Certified, "cert" | "key">): Pick<Certified, "certFile" | "keyFile"> {
  return { certFile: fileOf("moving.pem", cert), keyFile: fileOf("moving.key", key) };
}

/** Sends a SIGHUP. @returns the line that tells what came of it */
async function hangUp({ pid, said }: TlsGateway): Promise<string> {
  const told = () => said().match(/ (?:notice|err) reload.*\n/g) ?? [];
  const before = told().length;
  process.kill(pid, "SIGHUP");
  for (const deadline = Date.now() + 5000; told().length === before; await pause(5)) {
    assert.ok(Date.now() < deadline, `no line about the reload: ${said()}`);
  }
  return told().at(-1) as string;
}

test("R8: SIGHUP in the middle of a mail", { skip: lacking, timeout: 30_000 }, async (t) => {
  const [old, fresh] = [certified("ec"), certified("ec2")];
  const gateway = await startHouse(t, ["/tls"], withCertificates(place(old)), { messages: [MAIL] });
  const port = gateway.ports[1] as number;
  const shown = async () => (await connectSecure(t, port)).tls.getPeerX509Certificate()?.raw;
  assert.deepEqual(await shown(), rawOf(old));

  const { peer, tls } = await loginSecure(t, port);
  await peer.say("RETR 1");
  await peer.expect("+OK");
  await peer.line();
  tls.pause();

  place(fresh);
  assert.match(await hangUp(gateway), / notice reload/);
  assert.deepEqual(await shown(), rawOf(fresh));

  place({ cert: fresh.cert, key: old.key });
  assert.match(await hangUp(gateway), / err reload .*moving\.pem.*mismatch/i);
  assert.deepEqual(await shown(), rawOf(fresh), "a key that does not match");

  place({ cert: Buffer.from("garbage"), key: old.key });
  assert.match(await hangUp(gateway), / err reload .*moving\.pem/);
  assert.deepEqual(await shown(), rawOf(fresh), "garbage");

  place(old);
  assert.match(await hangUp(gateway), / notice reload/);
  assert.deepEqual(await shown(), rawOf(old));

  tls.resume();
  await peer.expect(`${MAIL.toString("latin1")}.\r\n`);
  assert.match(await peer.ask("QUIT"), /^\+OK/);
  assert.match((await gateway.saying(/ info close .*retrieved=1.*/))[0], /reason=quit/);
});

test("R8: a key that only root can read is warned of, since SIGHUP can't read it again", {
  skip: lacking || (process.getuid?.() !== 0 && "only root has such a key"),
  timeout: 30_000,
}, async (t) => {
  const { cert, key } = certified("ec");
  const [certFile, keyFile] = [fileOf("rooted.pem", cert), fileOf("rooted.key", key)];
  chmodSync(keyFile, 0o600);
  const gateway = await startHouse(t, ["/tls"], withCertificates({ certFile, keyFile }));
  await gateway.saying(/ warning tls code=unreadable reason=".*rooted\.key: SIGHUP can't read it again/);
  assert.doesNotMatch(gateway.said(), /rooted\.pem: SIGHUP/);
  assert.match(await hangUp(gateway), / err reload code=reload reason=.*rooted\.key/);
  const shown = (await connectSecure(t, gateway.ports[1] as number)).tls.getPeerX509Certificate()?.raw;
  assert.deepEqual(shown, rawOf({ cert }));
});
