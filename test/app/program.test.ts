/** What only the program does: its output where that fails, and the way into the background. */

import assert from "node:assert/strict";
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { scratch } from "../stage/acp";
import { connectGreeted } from "../stage/dialogue";
import { launch, MAIN } from "../stage/process";
import { until } from "../stage/waiting";

/** A descriptor on which every write fails, as on a disk that is full. */
function full(t: TestContext): number {
  const fd = openSync("/dev/full", "w");
  t.after(() => closeSync(fd));
  return fd;
}

function run(stdout: number | "pipe", stderr: number | "pipe", ...argv: string[]): SpawnSyncReturns<string> {
  const stdio = ["ignore", stdout, stderr] as const;
  return spawnSync(process.execPath, [MAIN, ...argv], { stdio: [...stdio], encoding: "latin1", timeout: 60_000 });
}

test("a text that can't be written is told in one line, with a status of its own", (t) => {
  for (const argv of [["--help"], ["--version"], ["--check", "-D", "--demo"]]) {
    const { status, stderr } = run(full(t), "pipe", ...argv);
    assert.equal(status, 74, argv[0]);
    assert.match(stderr, /^pop3\.proxy: standard output: [^\n]*ENOSPC[^\n]*\n$/);
  }
});

test("a fault has its status, also if nobody can be told", (t) => {
  assert.equal(run("pipe", full(t), "--bogus").status, 64);
  assert.equal(run("pipe", full(t), "-d", "-DD", "127.0.0.1:1", "-u", "nobody/here", "mail").status, 69);
});

test("however many faults a file has, Node itself says nothing", (t) => {
  const file = join(scratch(t), "many.toml");
  const keys = Array.from({ length: 40 }, (_, index) => `bogus-${index} = 1\n`).join("");
  writeFileSync(file, `${keys}[service.a]\nlisten = ["0"]\nserver = "mail"\n`);
  const { status, stderr } = run("pipe", "pipe", "--check", "-f", file);
  assert.equal(status, 78, stderr);
  const lines = stderr.trimEnd().split("\n");
  assert.equal(lines.length, 40, stderr);
  for (const line of lines) assert.ok(line.startsWith(`pop3.proxy: ${file}:`), line);
});

test("--demo serves where its text can't be written", async (t) => {
  const gateway = launch(t, process.execPath, [MAIN, "-d", "--demo", "--listen", "127.0.0.1:0"], {
    stdio: ["ignore", full(t), "pipe"],
  });
  const listens = () => / info listen interface=127\.0\.0\.1 port=(\d+)/.exec(gateway.said());
  const [, port] = await until(listens, gateway.said);
  const client = await connectGreeted(Number(port), t);
  assert.equal(await client.ask("QUIT"), "+OK bye");
  gateway.child.kill("SIGTERM");
  assert.equal(await gateway.ended(), 0, gateway.said());
});

test("the daemon in the background keeps nothing of what its launcher was started with", {
  // Node itself has lower numbers closed on exec, and sh has no higher ones.
  skip: !existsSync("/bin/bash") && "no bash",
}, async (t) => {
  const [lock, pidfile] = [join(scratch(t), "lock"), join(scratch(t), "pid")];
  const script = `exec 200>"$1"; exec "$2" "$3" -DD 127.0.0.1:0 --demo --pidfile "$4"`;
  const started = spawnSync("/bin/bash", ["-c", script, "bash", lock, process.execPath, MAIN, pidfile]);
  assert.equal(started.status, 0, String(started.stderr));
  const pid = Number(readFileSync(pidfile, "latin1"));
  t.after(() => process.kill(pid, "SIGKILL"));
  const folder = `/proc/${pid}/fd`;
  const target = (fd: string) => {
    try {
      return readlinkSync(join(folder, fd));
    } catch {
      return ""; // it has been closed meanwhile
    }
  };
  const open = readdirSync(folder).map(target);
  assert.ok(open.includes(pidfile));
  assert.ok(!open.includes(lock), open.join("\n"));
});
