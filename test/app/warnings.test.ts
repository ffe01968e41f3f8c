/** What an administrator is warned of, and when. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { everyDay } from "../../src/app/warnings";
import { dateWarnings } from "../../src/tls/dates";
import { scratch } from "../stage/acp";
import { certified, lacking } from "../stage/certificates";
import { freePort } from "../stage/ports";
import { MAIN } from "../stage/process";

const DAY = 24 * 60 * 60 * 1000;

test("once a day, until it is ended", (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  let told = 0;
  const end = everyDay(() => told++);
  t.mock.timers.tick(DAY - 1);
  assert.equal(told, 0);
  t.mock.timers.tick(1);
  assert.equal(told, 1);
  t.mock.timers.tick(3 * DAY);
  assert.equal(told, 4);
  end();
  t.mock.timers.tick(3 * DAY);
  assert.equal(told, 4);
});

test("a certificate is worth a warning before its first day, in its last fourteen, and after", {
  skip: lacking,
}, () => {
  const leaf = new X509Certificate(certified("good").cert);
  const [first, last] = [Date.parse(leaf.validFrom), Date.parse(leaf.validTo)];
  const codes = (now: number) => dateWarnings("a.pem", leaf, now).map(({ code }) => code);
  assert.deepEqual(codes(first - 1000), ["certificate-invalid"]);
  assert.deepEqual(codes(last - 14 * DAY - 1000), []);
  assert.deepEqual(codes(last - 14 * DAY), ["certificate-ends"]);
  assert.deepEqual(codes(last), ["certificate-ends"]);
  assert.deepEqual(codes(last + 1000), ["certificate-invalid"]);
  const [soon] = dateWarnings("a.pem", leaf, last - DAY);
  assert.equal(soon?.reason, `a.pem: valid until ${leaf.validTo} only`);
});

test("the warnings of a start are told before the daemon leaves standard error", async (t) => {
  const pidfile = join(scratch(t), "pid");
  const syslog = `tcp://127.0.0.1:${await freePort()}`;
  const argv = [MAIN, "-DD", "127.0.0.1:0", "-u", "root", "--pidfile", pidfile, "--syslog", syslog, "127.0.0.1:1"];
  const { stderr } = await promisify(execFile)(process.execPath, argv);
  process.kill(Number(readFileSync(pidfile, "latin1")), "SIGTERM");
  const lines = stderr.trimEnd().split("\n");
  assert.match(lines[0] ?? "", /^pop3\.proxy: warning: --syslog tcp:\/\/127\.0\.0\.1:\d+: connection refused/);
  if (process.getuid?.() === 0) assert.equal(lines[1], "pop3.proxy: warning: -u root: the gateway stays root");
});
