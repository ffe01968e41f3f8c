/** The disk of the spool: full, and after the gateway was killed. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { FakeClamd } from "../stage/clamd";
import { note, startDemo } from "../stage/demo";
import { connectGreeted, logInAnew, quit, response } from "../stage/dialogue";
import type { Peer } from "../stage/peer";
import { launch, listening, MAIN } from "../stage/process";
import { until } from "../stage/waiting";
import { mail } from "./mails";
import { scratch } from "./scratch";

const LARGE = mail("large", "x".repeat(70).concat("\r\n").repeat(400_000));
const SMALL = note("small", "text");

/** A folder of a gateway alone, of so many megabytes; the gateway leaves 16 of them free for others. */
const SIZE = 30;

/** Why there can't be such a folder, or false. */
function lackingMounts(): string | false {
  const { status } = spawnSync("unshare", ["-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]);
  return status !== 0 && "nothing can be mounted";
}

/** A gateway with this folder for its spools; `words` go before its command. */
async function start(t: TestContext, words: readonly string[], folder: string, clamd: FakeClamd) {
  const { port } = await startDemo(t, { messages: [LARGE, SMALL] });
  const argv = [...words, process.execPath, MAIN, "-d", "--listen", "127.0.0.1:0", "-z"];
  const place = ["--clamd", `127.0.0.1:${clamd.address.port}`, `127.0.0.1:${port}`];
  const env = { ...process.env, TMPDIR: folder };
  const [file = "", ...rest] = [...argv, ...place];
  return listening(launch(t, file, rest, { env, stdio: ["ignore", "ignore", "pipe"] }), 1, { t });
}

async function logInto(port: number, t: TestContext): Promise<Peer> {
  const client = await connectGreeted(port, t);
  await logInAnew(client);
  return client;
}

test("G4: a full disk refuses a mail, and nothing else", { skip: lackingMounts() }, async (t) => {
  const folder = scratch(t);
  const mounting = `mount -t tmpfs -o size=${SIZE}m tmpfs ${folder} && exec "$0" "$@"`;
  const clamd = await FakeClamd.start(t);
  const gateway = await start(t, ["unshare", "-m", "/bin/sh", "-c", mounting], folder, clamd);
  const [one, other] = [await logInto(gateway.port, t), await logInto(gateway.port, t)];
  for (let i = 0; i < 3; i++) {
    const large = response(one, "RETR 1");
    assert.match(await response(other, "RETR 2"), /^(?:\+OK|-ERR \[SYS\/TEMP\] no space)/);
    assert.match(await large, /^-ERR \[SYS\/TEMP\] no space/);
    for (const client of [one, other]) assert.match(await response(client, "RETR 2"), /^\+OK.*\r\ntext\r\n\.\r\n$/s);
  }
  for (const client of [one, other]) await quit(client);
  assert.equal(
    clamd.bodies.some((body) => body.length > SMALL.length),
    false,
  );
});

test("G4: a gateway that is killed leaves nothing on the disk", async (t) => {
  const folder = scratch(t);
  const clamd = await FakeClamd.start(t);
  clamd.answer = () => null;
  const gateway = await start(t, [], folder, clamd);
  const clients = [await logInto(gateway.port, t), await logInto(gateway.port, t)];
  for (const client of clients) await client.say("RETR 2");
  await until(
    () => clamd.bodies.length === 2,
    () => `no mail is scanned: ${gateway.said()} ${clamd.bodies.length}`,
  );
  const before = readdirSync(folder);
  await gateway.stop("SIGKILL");
  assert.deepEqual([before, readdirSync(folder)], [[], []]);
});
