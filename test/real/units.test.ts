/** The units of systemd/: systemd's own checks of them, and what systemd is told of a service with Type=notify. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startDemo } from "../stage/demo";
import { connectGreeted, logInAnew, quit } from "../stage/dialogue";
import { atEnd } from "../stage/ending";
import { freePort } from "../stage/ports";
import { launch, listening } from "../stage/process";
import { until } from "../stage/waiting";
import { lacking, program, start, stop } from "./programs";
import { install, PLACE, replaced } from "./recipes/gateway";
import { put, scratch } from "./scratch";

const UNITS = join(__dirname, "..", "..", "..", "systemd");
const textOf = (unit: string) => readFileSync(join(UNITS, unit), "utf8");

test("systemd finds no fault in the units, and their exposure is low", {
  skip: lacking("systemd-analyze"),
  timeout: 300_000,
}, (t) => {
  const home = scratch(t);
  const command = install(home);
  const units = readdirSync(UNITS);
  assert.equal(units.length, 4);
  for (const unit of units) put(join(home, unit), textOf(unit).replaceAll(PLACE, command));
  const analyze = (...argv: string[]) => spawnSync(program("systemd-analyze"), argv, { encoding: "utf8" });
  const files = units.map((unit) => join(home, unit));
  const { status, stdout, stderr } = analyze("verify", "--man=no", ...files);
  assert.deepEqual([status, stdout, stderr], [0, "", ""]);
  for (const [index, unit] of units.entries()) {
    if (!unit.endsWith(".service")) continue;
    const found = analyze("security", "--offline=yes", "--no-pager", files[index] as string).stdout;
    const exposure = Number(/exposure level for \S+: (\d+\.\d+)/.exec(found)?.[1]);
    t.diagnostic(`${unit}: ${exposure}`);
    assert.ok(exposure < 2, found);
  }
});

/** Prints what comes, a message a line; a line end in it is a "|". */
const RECEIVER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("ready", flush=True)
while True:
    said = s.recv(4096).decode().replace("\\n", "|")
    if said != "BARRIER=1": print(said, flush=True)
`;

test("systemd is told of the start, of reloads and of the end, in their order", {
  skip: lacking("systemd-notify", "python3"),
  timeout: 300_000,
}, async (t) => {
  const home = scratch(t);
  const socket = join(home, "notify");
  const receiver = start(program("python3"), ["-c", RECEIVER, socket], { asRoot: true });
  atEnd(t, () => stop(receiver));
  let heard = "";
  receiver.stdout?.on("data", (chunk: Buffer) => (heard += chunk));
  const hears = (what: RegExp) =>
    until(
      () => what.test(heard),
      () => heard,
      { progress: () => heard.length },
    );
  await hears(/^ready$/m);
  const { port } = await startDemo(t);
  const listen = await freePort();
  const file = join(home, "gateway.toml");
  const text = `user = "root"\n[service.a]\nlisten = ["127.0.0.1:${listen}"]\nserver = "127.0.0.1:${port}"\n`;
  writeFileSync(file, text);
  const [, line] = /^ExecStart=(.*)$/m.exec(textOf("pop3.proxy.service")) ?? [];
  const command = replaced(line, { [PLACE]: install(home), "/etc/pop3.proxy/gateway.toml": file });
  const launched = launch(t, "/bin/sh", ["-c", `exec ${command}`], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { PATH: process.env.PATH, NOTIFY_SOCKET: socket },
  });
  const gateway = await listening(launched, 1, { t });
  await hears(new RegExp(`^READY=1\\|STATUS=serves a on port ${listen}\\|?$`, "m"));
  const client = await connectGreeted(listen, t);
  await logInAnew(client);
  await quit(client);

  process.kill(gateway.pid, "SIGHUP");
  await hears(/^RELOADING=1\|MONOTONIC_USEC=\d+\|?\nREADY=1\|/m);
  writeFileSync(file, `${text}x = 1\n`);
  process.kill(gateway.pid, "SIGHUP");
  await hears(/RELOADING=1.*\nREADY=1\|STATUS=serves a on port \d+; the last reload has failed, see the log\|?$/m);
  assert.equal(await gateway.stop(), 0);
  await hears(/^STOPPING=1\|STATUS=ends, with 0 clients\|?$/m);
  assert.doesNotMatch(gateway.said(), / notify /);
});
