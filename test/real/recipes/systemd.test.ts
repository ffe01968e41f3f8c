/** The recipe "A hardened service of systemd": systemd's own checks of the unit, and what the unit starts. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { certified } from "../../stage/certificates";
import { startDemo } from "../../stage/demo";
import { connectStls, connectTls, fetchMail, logInAnew, quit } from "../../stage/dialogue";
import { testOfDraw } from "../../stage/draws";
import { atEnd } from "../../stage/ending";
import { recipe } from "../../stage/manual";
import { until } from "../../stage/waiting";
import { lacking, program, start, stop } from "../programs";
import { put, scratch } from "../scratch";
import { confining, PARTS } from "./confined";
import { install, PLACE, replaced } from "./gateway";
import { unitLines } from "./renewing";

const test = testOfDraw();

const [unit = "", reloading = ""] = recipe("A hardened service of systemd");

/** The two lines of the unit for which others can be taken. */
const credentials = /(?:^LoadCredential=.*\n)+/m;

const units = [
  ["as it is", unit],
  ["with the files of certbot", unit.replace(credentials, unitLines)],
  ["with files for a group", unit.replace(credentials, reloading).replaceAll("%d/", "/etc/pop3.proxy/")],
] as const;

for (const [which, text] of units) {
  test(`a hardened unit, ${which}`, { skip: lacking("systemd-analyze"), timeout: 300_000 }, (t) => {
    const home = scratch(t);
    const file = join(home, "pop3.proxy.service");
    put(file, replaced(text, { [PLACE]: install(home) }));
    const analyze = (...argv: string[]) => spawnSync(program("systemd-analyze"), [...argv, file], { encoding: "utf8" });
    const { status, stdout, stderr } = analyze("verify", "--man=no");
    assert.deepEqual([status, stdout, stderr], [0, "", ""]);
    const found = analyze("security", "--offline=yes", "--no-pager").stdout;
    const exposure = /exposure level for pop3\.proxy\.service: (\d+\.\d+)/.exec(found)?.[1];
    assert.ok(Number(exposure) < 2, found);
  });
}

/** Starts the command of the unit under what the unit forbids, with the journal as stderr. */
async function serve(t: TestContext) {
  const { port } = await startDemo(t);
  const home = scratch(t);
  const { cert, key } = certified("ec");
  put(join(home, "cert.pem"), cert);
  put(join(home, "key.pem"), key);
  const command = /^ExecStart=((?:.*\\\n)*.*)$/m.exec(unit)?.[1]?.replaceAll("\\\n", " ") ?? "";
  const here = replaced(command, {
    [PLACE]: install(home),
    "mail.example.org:995": `127.0.0.1:${port}`,
    " 110/": " 127.0.0.1:0/",
    " 995/": " 127.0.0.1:0/",
    "%d": home,
  });
  const journal = 'export JOURNAL_STREAM="$(stat -L -c %d:%i /proc/self/fd/2)"; exec "$@"';
  const argv = ["-c", journal, "sh", ...confining(unit), ...here.trim().split(/\s+/)];
  const child = start(program("sh"), argv, { asRoot: true });
  atEnd(t, () => stop(child));
  let log = "";
  child.stderr?.on("data", (chunk: Buffer) => (log += chunk.toString("latin1")));
  const ports = await until(
    () => {
      assert.equal(child.exitCode, null, log);
      const listening = [...log.matchAll(/^<6>listen interface=127\.0\.0\.1 port=(\d+)$/gm)];
      return listening.length === 2 && listening.map(([, port]) => Number(port));
    },
    () => `it does not listen: ${log}`,
    { progress: () => log.length },
  );
  return { child, ports: ports as [starttls: number, tls: number], log: () => log };
}

const skip = lacking("openssl", ...PARTS);

test("the command of the hardened unit under its restrictions", { skip, timeout: 300_000 }, async (t) => {
  const { child, ports, log } = await serve(t);
  const status = readFileSync(`/proc/${child.pid}/status`, "latin1");
  const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)?.[1];
  assert.deepEqual([field("NoNewPrivs"), field("Seccomp")], ["1", "2"]);
  if (process.getuid?.() === 0) {
    const bind = "0000000000000400";
    assert.deepEqual(["CapPrm", "CapEff", "CapBnd", "CapAmb"].map(field), [bind, bind, bind, bind]);
  }
  for (const client of [await connectStls(ports[0], {}, t), await connectTls(ports[1], {}, t)]) {
    if (client.clear === "") assert.match(await client.line(), /^\+OK/);
    await logInAnew(client);
    assert.ok((await fetchMail(client, 1)).length > 0);
    await quit(client);
  }
  await until(() => log().match(/^<6>close .*reason=quit/gm)?.length === 2, log);
  await stop(child);
  assert.equal(child.exitCode, 0, log());
  assert.doesNotMatch(log(), /^<[0-4]>/m);
});
