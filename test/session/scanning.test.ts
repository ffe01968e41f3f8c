/** Mails through the scanner: no octet of an infected one reaches the client, and no mail is lost. */

import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Spool } from "../../src/scan/spool";
import { Accepting } from "../stage/accepting";
import { scratch } from "../stage/acp";
import { EICAR, FakeClamd } from "../stage/clamd";
import { connectGreeted, logIn } from "../stage/dialogue";
import { atEnd } from "../stage/ending";
import { startGateway, type TestGateway, type Wishes } from "../stage/gateway";
import { Peer } from "../stage/peer";
import { freePort } from "../stage/ports";
import { until } from "../stage/waiting";
import { Stage } from "../transcripts/play";
import { transcripts } from "../transcripts/transcript";

interface Scene {
  readonly gateway: TestGateway;
  readonly accepting: Accepting;
  readonly clamd: FakeClamd;
}

async function stage(t: TestContext, wishes: Wishes = {}): Promise<Scene> {
  const clamd = await FakeClamd.start(t);
  const accepting = new Accepting();
  atEnd(t, () => accepting.close());
  const port = await accepting.open();
  const gateway = await startGateway(port, { scan: true, clamd: clamd.address, ...wishes }, { t });
  return { gateway, accepting, clamd };
}

/** A client and its server, logged in. */
async function session({ gateway, accepting }: Scene, t: TestContext): Promise<[client: Peer, server: Peer]> {
  const client = await connectGreeted(gateway.port, t);
  const login = logIn(client, "joe", "p");
  const server = await accepting.next();
  await server.write("+OK hello\r\n");
  await server.answer("USER joe", "+OK\r\n");
  await server.answer("PASS p", "+OK\r\n");
  await login;
  return [client, server];
}

const CLEAN = "From: a@example.org\r\nSubject: one\r\n\r\nHello\r\n..dot\r\n.\r\n";
const INFECTED = `From: b@example.org\r\nSubject: two\r\n\r\n${EICAR}\r\n.\r\n`;

/** A mail of the server, and what the client gets for it. */
async function retrieve(client: Peer, server: Peer, body: string, command = "RETR 1"): Promise<string> {
  await client.say(command);
  await server.answer(command, `+OK ${body.length} octets\r\n${body}`);
  const status = await client.line();
  if (!status.startsWith("+OK")) return status;
  return `${status}\r\n${await client.upTo("\r\n.\r\n")}`;
}

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
  const scene = await stage(t, { limits: { scan: 300 } });
  const [client, server] = await session(scene, t);
  for (const answer of ["stream: ok", "", null, "UNKNOWN COMMAND"]) {
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
  const accepting = new Accepting();
  atEnd(t, () => accepting.close());
  const server = await accepting.open();
  const clamd = { host: "127.0.0.1", port: await freePort() };
  const gateway = await startGateway(server, { scan: true, clamd }, { t });
  const client = await Peer.connect(gateway.port, t);
  assert.equal(await client.rest(), "-ERR [SYS/TEMP] virus scanner not available\r\n");
  const { fields } = await gateway.logged("failure");
  assert.equal(fields.code, "scanner");
  assert.match(String(fields.reason), /^clamd at 127\.0\.0\.1:\d+: connection refused/);
  const silent = await FakeClamd.start(t);
  silent.pong = null;
  const other = await startGateway(server, { scan: true, clamd: silent.address, limits: { ping: 50 } }, { t });
  assert.match(await (await Peer.connect(other.port, t)).rest(), /^-ERR \[SYS\/TEMP\]/);
});

test("V3, V5: a client that waits gets header lines and no octet of the mail before the verdict", async (t) => {
  const scene = await stage(t, { limits: { pending: 40 } });
  const [client, server] = await session(scene, t);
  const pending = /^(X-Virus-Scan: pending\r\n)+/;
  for (const [body, end] of [
    [CLEAN, CLEAN],
    [INFECTED, /^From: "Virus scanner".*\r\n\.\r\n$/s],
    [CLEAN, null],
  ] as const) {
    let judge: (() => void) | null = null;
    scene.clamd.answer = (octets) =>
      new Promise((resolve) => {
        judge = () => resolve(end === null ? "" : octets.includes(EICAR) ? "stream: Eicar FOUND" : "stream: OK");
      });
    await client.say("RETR 1");
    await server.answer("RETR 1", `+OK 99 octets\r\n${body}`);
    await client.expect("+OK 99 octets\r\nX-Virus-Scan: pending\r\nX-Virus-Scan: pending\r\n");
    await until(() => judge !== null, "clamd has not got the mail");
    (judge as unknown as () => void)();
    const heard = end === null ? await client.rest() : await client.upTo("\r\n.\r\n");
    const rest = heard.replace(pending, "");
    if (end === null) assert.equal(rest, "", "closed without the last line");
    else if (typeof end === "string") assert.equal(rest, end);
    else assert.match(rest, end);
  }
  assert.equal(await server.rest(), "");
  assert.equal((await scene.gateway.logged("close")).fields.code, "scanner");
});

test("V3: the wait for a slow server counts, and a server that is lost then leaves a mail without an end", async (t) => {
  const scene = await stage(t, { limits: { pending: 30 } });
  const [client, server] = await session(scene, t);
  await client.say("RETR 1");
  await server.answer("RETR 1", "+OK 99 octets\r\nFrom: x\r\n");
  await client.expect("+OK 99 octets\r\nX-Virus-Scan: pending\r\n");
  server.end();
  assert.match(await client.rest(), /^(X-Virus-Scan: pending\r\n)*$/);
  await scene.gateway.logged("close");
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

test("B10: a mail that ends in LF, dot, CRLF is scanned when nothing more comes", async (t) => {
  const scene = await stage(t, { limits: { silence: 50 } });
  const [client, server] = await session(scene, t);
  await client.say("RETR 1");
  await server.answer("RETR 1", "+OK\r\nFrom: x\n\ntext\n.\r\n");
  await client.expect("+OK\r\nFrom: x\n\ntext\n.\r\n");
  assert.equal(String(scene.clamd.bodies.at(-1)), "From: x\n\ntext\n");
  assert.equal((await scene.gateway.logged("tolerated")).fields.code, "end-by-silence");
  await client.say("NOOP");
  await server.answer("NOOP", "+OK\r\n");
  assert.equal(await client.line(), "+OK");
});

test("B10: a mail is not ended by silence while the disk is slow", async (t) => {
  const scene = await stage(t, { limits: { silence: 1000 } });
  const [client, server] = await session(scene, t);
  let slow = true;
  const { emptied } = Spool.prototype;
  t.mock.getter(Spool.prototype, "empty", () => !slow);
  const written = t.mock.method(Spool.prototype, "emptied", async function (this: Spool) {
    await emptied.call(this);
    if (slow) await new Promise((resolve) => setTimeout(resolve, 2500));
    slow = false;
  });
  await client.say("RETR 1");
  await server.answer("RETR 1", "+OK\r\nFrom: x\n\ntext\n.\r\n");
  await until(() => written.mock.callCount() > 0, "nothing is written");
  await server.write("more\r\n.\r\n");
  await client.expect("+OK\r\nFrom: x\n\ntext\n.\r\nmore\r\n.\r\n");
});

test("a client that leaves while its mail is scanned", async (t) => {
  const scene = await stage(t);
  const [client, server] = await session(scene, t);
  scene.clamd.answer = () => null;
  await client.write("RETR 1\r\nDELE 1\r\nQUIT\r\n");
  await server.answer("RETR 1", `+OK\r\n${CLEAN}`);
  await until(() => scene.clamd.bodies.length > 0, "clamd has not got the mail");
  client.reset();
  await scene.gateway.logged("close");
  assert.equal(await server.rest(), "");
});

test("I10: a server that is lost inside a mail, and nothing of the mail has left", async (t) => {
  const scene = await stage(t);
  for (const cut of [0, 1, 40, CLEAN.length - 1]) {
    const [client, server] = await session(scene, t);
    await client.say("RETR 1");
    await server.answer("RETR 1", `+OK\r\n${CLEAN.slice(0, cut)}`);
    server.end();
    assert.equal(await client.rest(), "-ERR [SYS/TEMP] connection to server lost\r\n", `${cut}`);
  }
  assert.equal(scene.clamd.bodies.length, 0);
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
