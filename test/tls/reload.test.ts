/**
 * R8: SIGHUP reads certificates, keys and authorities again. New sessions use the new files; if one file can't be used,
 * all old ones stay in use; and a session in the middle of a mail goes on.
 */

import assert from "node:assert/strict";
import { chmodSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { startScripted } from "../stage/accepting";
import { authority, type Certified, certified, fileOf, lacking, rawOf, withCertificates } from "../stage/certificates";
import { startDemo } from "../stage/demo";
import { connectTls, logInAnew } from "../stage/dialogue";
import { type GatewayProcess, startProcess } from "../stage/process";
import { PASSWORD, USER, welcome } from "./login";

/** A mail that no buffer on its way could hold. */
const MAIL = Buffer.from(`Subject: long\r\n\r\n${`${"0123456789abcdef".repeat(4)}\r\n`.repeat(200_000)}`);

/** Puts a certificate and its key where the gateway will look for them. */
function place({ cert, key }: Pick<Certified, "cert" | "key">): Pick<Certified, "certFile" | "keyFile"> {
  return { certFile: fileOf("moving.pem", cert), keyFile: fileOf("moving.key", key) };
}

/** Sends a SIGHUP. @returns the line that tells what came of it */
async function hangUp({ pid, said, saying }: GatewayProcess): Promise<string> {
  const before = said().length;
  process.kill(pid, "SIGHUP");
  return (await saying(/ (?:notice|err) reload.*\n/, before))[0];
}

test("R8: SIGHUP in the middle of a mail", { skip: lacking, timeout: 300_000 }, async (t) => {
  const [old, fresh] = [certified("ec"), certified("ec2")];
  const { port } = await startDemo(t, { messages: [MAIL] });
  const argv = [...withCertificates(place(old)), `127.0.0.1:${port}`];
  const gateway = await startProcess(argv, { t, listeners: ["/tls"] });
  const shown = async () => (await connectTls(gateway.port, {}, t)).tls?.getPeerX509Certificate()?.raw;
  assert.deepEqual(await shown(), rawOf(old));

  const peer = await connectTls(gateway.port, {}, t);
  await peer.expect("+OK POP3 server ready\r\n");
  await logInAnew(peer);
  await peer.say("RETR 1");
  await peer.expect("+OK");
  await peer.line();
  peer.pause();

  place(fresh);
  assert.match(await hangUp(gateway), / notice reload/);
  assert.deepEqual(await shown(), rawOf(fresh));

  place({ cert: fresh.cert, key: old.key });
  assert.match(await hangUp(gateway), / err reload .*the key is not that of the certificate in .*moving\.pem/);
  assert.deepEqual(await shown(), rawOf(fresh), "a key that does not match");

  place({ cert: Buffer.from("garbage"), key: old.key });
  assert.match(await hangUp(gateway), / err reload .*moving\.pem/);
  assert.deepEqual(await shown(), rawOf(fresh), "garbage");

  place(old);
  assert.match(await hangUp(gateway), / notice reload/);
  assert.deepEqual(await shown(), rawOf(old));

  peer.resume();
  await peer.expect(`${MAIL.toString("latin1")}.\r\n`);
  assert.match(await peer.ask("QUIT"), /^\+OK/);
  assert.match((await gateway.saying(/ info close .*retrieved=1.*/))[0], /reason=quit/);
});

test("R8: SIGHUP reads the authorities for servers again, and all files or none", {
  skip: lacking,
  timeout: 300_000,
}, async (t) => {
  const server = await startScripted(t, async (peer) => {
    await peer.acceptTls(certified("good"));
    await peer.say("+OK ready");
    await welcome(peer);
  });
  const trusted = readFileSync(authority());
  const [old, fresh] = [certified("ec"), certified("ec2")];
  const authorities = (content: string | Buffer) => fileOf("moving-ca.pem", content);
  const options = [
    ...withCertificates(place(old)),
    "--server-tls",
    "tls",
    "--server-ca",
    authorities(certified("self-signed").cert),
  ];
  const gateway = await startProcess([...options, `localhost:${server.port}`], { t, listeners: ["/tls"] });
  const login = async () => {
    const client = await connectTls(gateway.port, {}, t);
    await client.expect("+OK POP3 server ready\r\n");
    await client.ask(`USER ${USER}`);
    return { shown: client.tls?.getPeerX509Certificate()?.raw, reply: await client.ask(`PASS ${PASSWORD}`) };
  };
  assert.match((await login()).reply, /^-ERR \[SYS\/TEMP\]/);

  authorities(trusted);
  assert.match(await hangUp(gateway), / notice reload$/m);
  assert.equal((await login()).reply, "+OK welcome");

  authorities("garbage");
  place(fresh);
  assert.match(await hangUp(gateway), / err reload code=reload reason=.*moving-ca\.pem/);
  assert.deepEqual(await login(), { shown: rawOf(old), reply: "+OK welcome" });

  authorities(trusted);
  assert.match(await hangUp(gateway), / notice reload$/m);
  assert.deepEqual(await login(), { shown: rawOf(fresh), reply: "+OK welcome" });
});

test("R8: a key that only root can read is warned of, since SIGHUP can't read it again", {
  skip: lacking || (process.getuid?.() !== 0 && "only root has such a key"),
  timeout: 300_000,
}, async (t) => {
  const { cert, key } = certified("ec");
  const [certFile, keyFile] = [fileOf("rooted.pem", cert), fileOf("rooted.key", key)];
  chmodSync(keyFile, 0o600);
  const argv = [...withCertificates({ certFile, keyFile }), "127.0.0.1:1"];
  const gateway = await startProcess(argv, { t, listeners: ["/tls"] });
  await gateway.saying(/ warning tls code=unreadable reason=".*rooted\.key: SIGHUP can't read it again/);
  assert.doesNotMatch(gateway.said(), /rooted\.pem: SIGHUP/);
  assert.match(await hangUp(gateway), / err reload code=reload reason=.*rooted\.key/);
  const shown = (await connectTls(gateway.port, {}, t)).tls?.getPeerX509Certificate()?.raw;
  assert.deepEqual(shown, rawOf({ cert }));
});
