/** The recipe "Renewal by certbot": its scripts, run by certbot, and as certbot runs them. */

import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { certified } from "../../stage/certificates";
import { fetchMail, logInAnew, quit } from "../../stage/dialogue";
import { testOfDraw } from "../../stage/draws";
import { lacking } from "../programs";
import { PARTS, startAuthority } from "./certbot";
import { replaced } from "./gateway";
import { byHand, copying, FAILED, group, hook, lineage, logged, owner, placeFor, restarting, serve } from "./renewing";

const test = testOfDraw();

const fingerprint = (chain: Buffer) => new X509Certificate(chain).fingerprint256;
const OTHER = "www.example.org";

test("certbot renews the certificate of a daemon", {
  skip: lacking("openssl", "start-stop-daemon", "logger", ...PARTS),
  timeout: 300_000,
}, async (t) => {
  const place = await placeFor(t);
  hook(place, copying);
  const certbot = await startAuthority(t, join(place.home, "etc/letsencrypt"));
  const proof = ["--manual", "--manual-auth-hook", "true", "--agree-tos", "--register-unsafely-without-email"];
  const issue = await certbot("certonly", "-n", ...proof, "-d", "pop.example.org");
  assert.equal(issue.code, 0, issue.stderr);
  const copy = join(place.home, "etc/pop3.proxy/key.pem");
  assert.ok(!existsSync(copy), "certbot runs the script for the first certificate, too");
  await byHand(place);
  const { mode, uid, gid } = statSync(copy);
  assert.deepEqual([mode & 0o777, uid, gid], [0o640, owner, group]);

  const gateway = await serve(t, place);
  const issued = () => fingerprint(readFileSync(join(lineage(place), "fullchain.pem")));
  const old = issued();
  assert.equal(await gateway.shown(), old);
  const session = await gateway.connect();
  assert.match(await session.line(), /^\+OK/);
  await logInAnew(session);

  const renewal = await certbot("renew", "-q", "--force-renewal", "--no-random-sleep-on-renew");
  assert.equal(renewal.code, 0, renewal.stderr);
  await logged(place, / reload$/);
  assert.notEqual(issued(), old);
  assert.equal(await gateway.shown(), issued());
  assert.ok((await fetchMail(session, 1)).length > 0, "a session goes on");
  await quit(session);
});

test("the script for a daemon", {
  skip: lacking("openssl", "start-stop-daemon", "logger"),
  timeout: 300_000,
}, async (t) => {
  const place = await placeFor(t);
  const deploy = hook(place, copying);
  const [one, two] = [certified("ec"), certified("ec2")];
  const [ours, copies] = [lineage(place), join(place.home, "etc/pop3.proxy")];
  mkdirSync(ours, { recursive: true });
  const put = (chain: Buffer, key: Buffer) => {
    writeFileSync(join(ours, "fullchain.pem"), chain);
    writeFileSync(join(ours, "privkey.pem"), key);
  };
  put(one.cert, one.key);
  await byHand(place);
  const gateway = await serve(t, place);
  assert.equal(await gateway.shown(), fingerprint(one.cert));

  put(two.cert, one.key);
  assert.ok(await deploy(ours));
  const [unlike] = await logged(place, / reload code=/);
  assert.match(unlike as string, /key\.pem: the key is not that of the certificate in /);
  assert.equal(await gateway.shown(), fingerprint(one.cert));
  put(two.cert.subarray(0, 200), two.key);
  assert.ok(await deploy(ours));
  const [, half] = await logged(place, / reload code=/, 2);
  assert.match(half as string, /reason=.*cert\.pem/);
  assert.equal(await gateway.shown(), fingerprint(one.cert));
  put(two.cert, two.key);
  assert.ok(await deploy(ours));
  await logged(place, / reload$/);
  assert.equal(await gateway.shown(), fingerprint(two.cert));

  put(one.cert, one.key);
  assert.ok(await deploy(lineage(place, OTHER)), "another certificate was renewed");
  assert.ok(!(await deploy(null)), "nobody says which one was renewed");
  rmSync(join(ours, "privkey.pem"));
  assert.ok(!(await deploy(ours)), "a file is missing");
  await logged(place, FAILED, 2);
  assert.deepEqual(readFileSync(join(copies, "cert.pem")), two.cert, "the copies stay");

  await gateway.stop();
  put(one.cert, one.key);
  assert.ok(await deploy(ours), "no gateway runs");
  assert.deepEqual(readFileSync(join(copies, "key.pem")), one.key);
  // An id that belongs by now to a process of another user: to this one, which SIGHUP would end.
  if (owner === 0) writeFileSync(gateway.pidfile, `${process.pid}\n`);
  assert.ok(await deploy(ours), "the gateway has crashed");
});

test("the script for a unit", { skip: lacking("logger"), timeout: 300_000 }, async (t) => {
  const place = await placeFor(t);
  const [calls, systemctl] = [join(place.home, "calls"), join(place.home, "systemctl")];
  const deploy = hook(place, replaced(restarting, { "PATH=": `PATH=${place.home}:` }));
  const answer = (status: number) =>
    writeFileSync(systemctl, `#!/bin/sh\necho "$@" >${calls}\nexit ${status}\n`, { mode: 0o755 });
  answer(0);
  assert.ok(await deploy(lineage(place, OTHER)));
  assert.ok(!existsSync(calls));
  assert.ok(await deploy(lineage(place)));
  assert.equal(readFileSync(calls, "latin1"), "try-restart pop3.proxy.service\n");
  answer(1);
  assert.ok(!(await deploy(lineage(place))));
  await logged(place, FAILED);
});
