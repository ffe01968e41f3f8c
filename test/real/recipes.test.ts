/**
 * What the README and the manual tell to write into the files of superservers, as it stands but for the port, the user
 * and the place of the gateway.
 */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { upstream } from "../listen/handing";
import { fetchMail, logIn, quit } from "../stage/dialogue";
import { Peer } from "../stage/peer";
import { lacking, program } from "./programs";
import { install, PLACE, replaced } from "./recipes/gateway";
import { put, scratch } from "./scratch";
import {
  INETD,
  type Launch,
  SYSTEMD,
  startActivator,
  startInetd,
  startXinetd,
  superserver,
  XINETD,
} from "./superservers";

const TOP = join(__dirname, "..", "..", "..");
const readme = readFileSync(join(TOP, "README.md"), "utf8");
const manual = readFileSync(join(TOP, "man", "pop3.proxy.1"), "utf8");

/** Which server the recipes name. */
const SERVER = "mail.example.org";

/** The indented blocks behind this line of the README. */
function recipe(after: string, count = 1): string[] {
  const [, text = ""] = readme.split(`\n${after}\n`);
  const blocks = text.match(/(?:^(?: {4}.*)?\n)+/gm)?.filter((block) => block.trim() !== "") ?? [];
  assert.ok(blocks.length >= count, after);
  return blocks.slice(0, count).map((block) => block.replace(/^ {4}/gm, "").trim());
}

/** A recipe as it is tried here. */
function tried(text: string, home: string, server: string): string {
  return replaced(text, { [PLACE]: install(home), [SERVER]: server });
}

/** Serves by a recipe, and lets a client retrieve a mail through it. */
async function serves(t: TestContext, waits: boolean, part: string, launch: Launch): Promise<void> {
  const argv = [await upstream(t)];
  const { port } = await superserver("recipe", waits, part, launch).serve(t, { host: "127.0.0.1", argv });
  const client = await Peer.connect(port);
  assert.equal(await client.line(), "+OK POP3 server ready");
  await logIn(client, "joe", "demo");
  assert.ok((await fetchMail(client, 1)).length > 0);
  await quit(client);
}

const inetdLines = [
  ...recipe("inetd:").flatMap((block) => block.split("\n")),
  ...(manual.match(/^pop3 stream .*$/gm) ?? []),
];

for (const line of inetdLines) {
  test(`inetd: ${line}`, { skip: lacking(INETD), timeout: 300_000 }, (t) =>
    serves(t, / wait /.test(line), INETD, (home, port, { argv }) => {
      const ours = tried(line, home, argv[0] as string).replace(/^pop3 /, `127.0.0.1:${port} `);
      return startInetd(home, `${ours.replace(/ root /, ` ${userInfo().username} `)}\n`);
    }),
  );
}

test("xinetd's service", { skip: lacking(XINETD), timeout: 300_000 }, (t) =>
  serves(t, true, XINETD, (home, port, { argv }) => {
    const [block = ""] = recipe("xinetd:");
    const here = `type = UNLISTED\n  flags = NOLIBWRAP\n  bind = 127.0.0.1\n  port = ${port}\n`;
    const ours = tried(block, home, argv[0] as string).replace(/\}\s*$/, `  ${here}}\n`);
    return startXinetd(home, ours.replace(/(user\s*= )root/, `$1${userInfo().username}`));
  }),
);

test("systemd's units", { skip: lacking(SYSTEMD, "systemd-analyze"), timeout: 300_000 }, async (t) => {
  const [socket = "", service = ""] = recipe("systemd, `pop3.proxy.socket` and `pop3.proxy.service`:", 2);
  const home = scratch(t);
  const files = [join(home, "pop3.proxy.socket"), join(home, "pop3.proxy.service")] as const;
  put(files[0], `${socket}\n`);
  put(files[1], `${tried(service, home, SERVER)}\n`);
  const verified = spawnSync(program("systemd-analyze"), ["verify", "--man=no", ...files], { encoding: "utf8" });
  assert.deepEqual([verified.status, verified.stderr], [0, ""]);
  await serves(t, true, SYSTEMD, (home, port, { argv }) => {
    const command = /^ExecStart=(.*)$/m.exec(tried(service, home, argv[0] as string))?.[1]?.split(" ") ?? [];
    assert.match(socket, /^ListenStream=110$/m);
    return startActivator(home, ["--listen", `127.0.0.1:${port}`, ...command]);
  });
});
