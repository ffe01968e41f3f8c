/** Mails through the scanner: no octet of an infected one reaches the client, and no mail is lost. */

import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import promises from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { startAccepting } from "../stage/accepting";
import { scratch } from "../stage/acp";
import { FakeClamd } from "../stage/clamd";
import { startGateway } from "../stage/gateway";
import { Peer } from "../stage/peer";
import { freePort } from "../stage/ports";
import { Stage } from "../transcripts/play";
import { transcripts } from "../transcripts/transcript";
import { CLEAN, INFECTED, retrieve, session, stage } from "./scanned";

test("V4: a clean mail passes unchanged, an infected one does not, by RETR and by TOP", async (t) => {
  const scene = await stage(t);
  const [client, server] = await session(scene, t);
  for (const command of ["RETR 1", "TOP 1 1000"]) {
    assert.equal(await retrieve(client, server, CLEAN, command), `+OK ${CLEAN.length} octets\r\n${CLEAN}`);
    assert.equal(String(scene.clamd.bodies.at(-1)), CLEAN.replace("\n..", "\n.").slice(0, -3));
    const heard = await retrieve(client, server, INFECTED, command);
    assert.match(heard, /^\+OK a notice takes the place of this mail\r\n/);
    assert.match(heard, /\r\nSubject: Virus Eicar-Test-Signature: two\r\n/);
    assert.match(heard, /\r\n> From: b@example\.org\r\n/);
    assert.ok(!heard.includes("EICAR"));
  }
  const { fields } = await scene.gateway.logged("virus", 2);
  assert.deepEqual([fields.name, fields.user], ["Eicar-Test-Signature", "joe"]);
  await client.say("LIST");
  await server.answer("LIST", "+OK\r\n1 5\r\n.\r\n");
  await client.expect("+OK\r\n1 5\r\n.\r\n");
  await client.say("QUIT");
  await server.answer("QUIT", "+OK\r\n");
  await client.line();
  const { fields: close } = await scene.gateway.logged("close");
  assert.deepEqual([close.retrieved, close.deleted], [1, 0], "the notice is not the mail");
});

test("V4: an infected mail in a pipeline", async (t) => {
  const scene = await stage(t, { capa: true });
  const [client, server] = await session(scene, t);
  await client.say("CAPA");
  await server.answer("CAPA", "+OK\r\nPIPELINING\r\n.\r\n");
  await client.upTo("\r\n.\r\n");
  await client.say("RETR 1", "TOP 2 9", "RETR 3");
  for (const line of ["RETR 1", "TOP 2 9", "RETR 3"]) assert.equal(await server.line(), line);
  await server.write(`+OK\r\n${CLEAN}+OK\r\n${INFECTED}+OK\r\n${CLEAN}`);
  await client.expect(`+OK\r\n${CLEAN}`);
  assert.match(await client.upTo("\r\n.\r\n"), /Virus Eicar/);
  await client.expect(`+OK\r\n${CLEAN}`);
});

test("V1: without a verdict the mail is refused, and the session goes on", async (t) => {
  const hasty = await stage(t, { limits: { scan: 300 } });
  hasty.clamd.answer = () => null;
  assert.match(await retrieve(...(await session(hasty, t)), CLEAN), /^-ERR \[SYS\/TEMP\] virus scanner/);
  const scene = await stage(t);
  const [client, server] = await session(scene, t);
  for (const answer of ["stream: ok", "", "COMMAND READ TIMED OUT", "UNKNOWN COMMAND"]) {
    scene.clamd.answer = () => answer;
    assert.equal(await retrieve(client, server, CLEAN), "-ERR [SYS/TEMP] virus scanner not available");
  }
  const { fields } = await scene.gateway.logged("scan", 4);
  assert.deepEqual([fields.code, fields.command], ["scanner", "RETR 1"]);
  scene.clamd.answer = () => "INSTREAM size limit exceeded. ERROR";
  assert.match(await retrieve(client, server, CLEAN), /^-ERR \[SYS\/PERM\] .*StreamMaxLength/);
  scene.clamd.answer = () => "stream: OK";
  assert.match(await retrieve(client, server, CLEAN), /^\+OK/);
});

test("V1: what stands behind a mail that was refused is not carried out, if it could lose the mail", async (t) => {
  const scene = await stage(t);
  scene.clamd.answer = () => "";
  for (const [behind, heard] of [
    ["DELE 1\r\nQUIT\r\n", ""],
    ["QUIT\r\n", ""],
    // More than the gateway keeps.
    [`${"NOOP\r\n".repeat(20_000)}DELE 1\r\nQUIT\r\n`, ""],
    ["NOOP\r\n", "NOOP"],
  ] as const) {
    const [client, server] = await session(scene, t);
    await client.write(`RETR 1\r\n${behind}`);
    await server.answer("RETR 1", `+OK\r\n${CLEAN}`);
    assert.match(await client.line(), /^-ERR \[SYS\/TEMP\]/);
    if (heard === "") {
      await client.expectEnd();
      assert.equal(await server.rest(), "");
    } else {
      await server.answer(heard, "+OK\r\n");
      assert.equal(await client.line(), "+OK");
      client.destroy();
    }
  }
});

test("V1: a clamd that is not there refuses sessions with -ERR, before and after a start of it", async (t) => {
  const accepting = await startAccepting(t);
  const clamd = { host: "127.0.0.1", port: await freePort() };
  const gateway = await startGateway(accepting.port, { scan: true, clamd }, { t });
  const client = await Peer.connect(gateway.port, t);
  assert.equal(await client.rest(), "-ERR [SYS/TEMP] virus scanner not available\r\n");
  const { fields } = await gateway.logged("failure");
  assert.equal(fields.code, "scanner");
  assert.match(String(fields.reason), /^clamd at 127\.0\.0\.1:\d+: connection refused/);
  const silent = await FakeClamd.start(t);
  silent.pong = null;
  const other = await startGateway(accepting.port, { scan: true, clamd: silent.address, limits: { ping: 50 } }, { t });
  assert.match(await (await Peer.connect(other.port, t)).rest(), /^-ERR \[SYS\/TEMP\]/);
});

test("V2: a mail that is too large can have a notice", async (t) => {
  const scene = await stage(t, { scanOversize: "notify" });
  const [client, server] = await session(scene, t);
  scene.clamd.answer = () => "INSTREAM size limit exceeded. ERROR";
  assert.match(await retrieve(client, server, CLEAN), /\r\nSubject: Not scanned: one\r\n.*> From: a@example\.org\r\n/s);
});

test("V6: an infected mail is kept in the quarantine, with what is known of it", async (t) => {
  const quarantine = join(scratch(t), "quarantine");
  mkdirSync(quarantine);
  const scene = await stage(t, { quarantine });
  const [client, server] = await session(scene, t);
  await retrieve(client, server, INFECTED, "RETR 7");
  const names = readdirSync(quarantine).sort();
  assert.equal(names.length, 2);
  const [mail = "", info = ""] = names;
  assert.match(mail, /\.RETR-7\.eml$/);
  assert.equal(readFileSync(join(quarantine, mail), "latin1"), INFECTED.slice(0, -3));
  const lines = readFileSync(join(quarantine, info), "latin1");
  assert.match(lines, /^user: joe$/m);
  assert.match(lines, /^virus: Eicar-Test-Signature$/m);
  assert.match(lines, /^command: RETR 7$/m);
});

test("V6: a quarantine that can't be written is told, and the client gets the notice", async (t) => {
  const scene = await stage(t, { quarantine: join(scratch(t), "none") });
  const [client, server] = await session(scene, t);
  assert.match(await retrieve(client, server, INFECTED), /Virus Eicar/);
  assert.equal((await scene.gateway.logged("quarantine")).fields.code, "quarantine");
});

test("G4: infected mails in the quarantine leave space for others, however often they are fetched", async (t) => {
  const quarantine = join(scratch(t), "quarantine");
  mkdirSync(quarantine);
  const scene = await stage(t, { quarantine });
  const [client, server] = await session(scene, t);
  const { statfs } = promises;
  const RESERVE = 16 * 1024 * 1024;
  t.mock.method(promises, "statfs", async (folder: string) =>
    folder === quarantine ? { bavail: RESERVE / 4096, bsize: 4096 } : statfs(folder),
  );
  assert.match(await retrieve(client, server, INFECTED), /Virus Eicar/);
  assert.match(`${(await scene.gateway.logged("quarantine")).fields.reason}`, /the disk is full/);
  assert.deepEqual(readdirSync(quarantine), []);
});

test("G4: without a place for the spool a mail is refused, and the session goes on", async (t) => {
  const scene = await stage(t);
  const [client, server] = await session(scene, t);
  const folder = scratch(t);
  const { TMPDIR } = process.env;
  process.env.TMPDIR = join(folder, "none");
  assert.match(await retrieve(client, server, CLEAN), /^-ERR \[SYS\/TEMP\] no space/);
  process.env.TMPDIR = folder;
  assert.match(await retrieve(client, server, CLEAN), /^\+OK/);
  assert.deepEqual(readdirSync(folder), []);
  if (TMPDIR === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = TMPDIR;
  assert.equal((await scene.gateway.logged("scan")).fields.code, "spool");
});

for (const name of ["nasty-mail", "session"]) {
  const transcript = transcripts().find((one) => one.name === name);
  test(`I6: ${name}, through the scanner`, async (t) => {
    assert.ok(transcript);
    const clamd = await FakeClamd.start(t);
    const scanned = { ...transcript, settings: { ...transcript.settings, scan: true, clamd: clamd.address } };
    for (const style of ["line by line", "octet by octet", "as much as there is"] as const) {
      const set = new Stage();
      await set.open(scanned);
      try {
        await set.play(scanned, style);
      } finally {
        await set.close();
      }
    }
  });
}
