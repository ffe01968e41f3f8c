/** Where the log goes, in words, and what an administrator is warned of. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { openSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { logWay, openLog, type Start } from "../../src/log/open";
import { reachWarning } from "../../src/log/reach";
import { freePort } from "../stage/ports";
import { folder, localDaemon } from "./daemons";

const settings = { debug: false, brief: false, facility: 2 } as const;
const background: Start = { foreground: false, stderrIsClient: false };

test("each way has its words, and only the last one is a warning", async (t) => {
  const socket = join(folder(t), "dev-log");
  const none = { socket: `${socket}-none`, environment: {} };
  const loghost = { transport: "tcp", host: "loghost", port: 601 } as const;
  for (const [words, more, start, found] of [
    ["standard error", { debug: true }, background, none],
    ["tcp://loghost:601", { syslog: loghost }, background, none],
    ["standard error", {}, { ...background, foreground: true }, none],
    ["standard error, warnings and faults only", {}, { ...background, plugin: true }, none],
  ] as const) {
    const onStderr = words.startsWith("standard error");
    assert.deepEqual(logWay({ ...settings, ...more }, start, found), { words, onStderr, warning: null });
  }
  for (const start of [background, { foreground: true, plugin: true, stderrIsClient: true }]) {
    const { words, warning } = logWay(settings, start, none);
    assert.equal(words, "UDP port 514 of this host");
    assert.equal(warning?.code, "log-unsure");
    assert.match(warning?.reason ?? "", /no \/dev\/log, and no --syslog/);
  }
  const daemon = localDaemon(t, socket);
  await daemon.start();
  const local = logWay(settings, background, { socket, environment: {} });
  assert.deepEqual(local, { words: socket, onStderr: false, warning: null });
});

test("a log daemon that is not there, or whose name is not known, is a warning", async (t) => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const { port } = server.address() as { port: number };
  assert.equal(await reachWarning({ transport: "tcp", host: "127.0.0.1", port }), null);
  assert.equal(await reachWarning({ transport: "udp", host: "127.0.0.1", port: 514 }), null);
  const closed = await reachWarning({ transport: "tcp", host: "127.0.0.1", port: await freePort() });
  assert.match(closed?.reason ?? "", /^--syslog tcp:\/\/127\.0\.0\.1:\d+: connection refused.*; log lines are lost/);
  const unknown = await reachWarning({ transport: "udp", host: "nobody.invalid", port: 514 });
  assert.equal(unknown?.code, "log-unreachable");
  assert.match(
    unknown?.reason ?? "",
    /^--syslog udp:\/\/nobody\.invalid:514: no (?:such host|name server answers|answer in time);/,
  );
});

test("a mail program's user sees warnings and faults, and nothing else", async (t) => {
  const file = join(folder(t), "stderr");
  const stderr = openSync(file, "w");
  const found = { stderr, socket: "/nowhere", environment: {} };
  const log = openLog({ ...settings }, { ...background, plugin: true }, found);
  log.emit("connect", { port: 1, interface: "" });
  log.emit("root", { code: "root", reason: "x" });
  log.emit("reload", {});
  log.emit("reloadFailed", { code: "reload", reason: "y" });
  await log.close();
  assert.match(
    readFileSync(file, "latin1"),
    /^\S+ warning root code=root reason=x\n\S+ err reload code=reload reason=y\n$/,
  );
});
