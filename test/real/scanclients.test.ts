/** Real clients before dovecot, with real clamd beside the gateway: what is clean arrives unharmed, what is not does not. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { connectGreeted, fetchMail, logIn, quit } from "../stage/dialogue";
import { drawn, tellDraw, testOfDraw } from "../stage/draws";
import { Peer } from "../stage/peer";
import { MAIN, startProcess } from "../stage/process";
import { clamdParts, RealClamd } from "./clamd";
import { startDovecot } from "./dovecot";
import { fetchmail } from "./fetchmail";
import { infectedMail } from "./infected";
import { plain, stored } from "./mails";
import { mpop } from "./mpop";
import { lacking, program, run } from "./programs";
import { same, sorted } from "./same";
import { scratch } from "./scratch";
import { password, type RealServer, user } from "./server";
import { settled, superservers } from "./superservers";
import { mailAsIfAtOnce } from "./waiting";

const test = testOfDraw();

/** The last mail is infected. */
const drop = [...plain, infectedMail()];

async function stage(t: TestContext): Promise<{ server: RealServer; port: number }> {
  const clamd = await RealClamd.start(t);
  const server = await startDovecot(t, drop);
  const argv = ["-z", "--clamd", clamd.path, `127.0.0.1:${server.port}`];
  return { server, port: (await startProcess(argv, { t, inspect: { secret: password, faults: / virus / } })).port };
}

/** Asserts that these are the clean mails, and the notice, whose place is known by its sender. */
function check(got: readonly Buffer[], expected: readonly Buffer[]): void {
  const mails = got.map(mailAsIfAtOnce);
  const isNotice = (octets: Buffer) => octets.includes('From: "Virus scanner"');
  const [notice, ...others] = mails.filter(isNotice);
  assert.ok(notice?.includes("X-Virus-Scan: infected; Eicar-Test-Signature.UNOFFICIAL"));
  assert.deepEqual(others, []);
  same(sorted(mails.filter((octets) => !isNotice(octets))), sorted(expected));
}

test("V4: fetchmail", { skip: lacking("fetchmail", "dovecot", ...clamdParts) }, async (t) => {
  const { server, port } = await stage(t);
  const account = `user "${user}" password "${password}" is "${user}" here sslproto "" fetchall`;
  for (const keep of ["keep", "no keep"]) {
    const poll = `poll 127.0.0.1 service ${port} protocol pop3 timeout 300 ${account} ${keep}`;
    const { code, stderr, mails } = await fetchmail(t, poll);
    assert.equal(code, 0, stderr);
    check(mails, plain.map(stored));
  }
  assert.equal(server.stored().length, 0);
});

test("V4: mpop", { skip: lacking("mpop", "dovecot", ...clamdParts) }, async (t) => {
  const { server, port } = await stage(t);
  check(await mpop(scratch(t), port, "on"), plain.map(stored));
  assert.equal(server.stored().length, drop.length);
  check(await mpop(scratch(t), port, "off"), plain.map(stored));
  assert.equal(server.stored().length, 0);
});

test("V4: curl", { skip: lacking("curl", "dovecot", ...clamdParts) }, async (t) => {
  const { port } = await stage(t);
  const folder = scratch(t);
  const argv = ["--silent", "--show-error", "--max-time", "300", "--user", `${user}:${password}`];
  const url = `pop3://127.0.0.1:${port}/[1-${drop.length}]`;
  const { code, stderr } = await run(program("curl"), [...argv, "--output", join(folder, "#1"), url]);
  assert.equal(code, 0, stderr);
  check(
    drop.map((_, index) => readFileSync(join(folder, `${index + 1}`))),
    plain,
  );
});

tellDraw("superservers");

const handing = superservers.filter(({ waits }) => !waits);
for (const superserver of drawn(handing, 2, "scan")) {
  test(`V4: behind ${superserver.name}`, {
    skip: lacking("dovecot", superserver.part, ...clamdParts),
  }, async (t) => {
    const clamd = await RealClamd.start(t);
    const server = await startDovecot(t, drop);
    const argv = [MAIN, "-z", "--clamd", clamd.path, `127.0.0.1:${server.port}`];
    const host = "127.0.0.1";
    const served = await superserver.serve(t, { host, argv });
    const client = await connectGreeted({ port: served.port, host }, t);
    await logIn(client, user, password);
    const mails: Buffer[] = [];
    for (let number = 1; number <= drop.length; number++) mails.push(await fetchMail(client, number));
    await quit(client);
    check(mails, plain);
    await settled(served.processes);
    await clamd.kill();
    const refused = await Peer.connect({ port: served.port, host }, t);
    assert.equal(await refused.rest(), "-ERR [SYS/TEMP] virus scanner not available\r\n");
    refused.end();
    await settled(served.processes);
    assert.deepEqual(served.processes(), []);
  });
}
