/**
 * Where lines go, and which lines; and what is loaded before there are any.
 */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs, { closeSync, constants, fstatSync, openSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Emit, FieldsOf } from "../../src/log/events";
import { openLog, type Surroundings } from "../../src/log/open";
import { folder, localDaemon, udpDaemon, until } from "./daemons";
import { type LogOptions, logSettings, opened, plainly } from "./opened";

const closing: FieldsOf<"close"> = { code: "quit", reason: "quit", seconds: 1, retrieved: 0, deleted: 0, octets: 0 };
const failing: FieldsOf<"failure"> = { blame: "server", code: "lookup", reason: "x" };

/** Logs a few events, in turn. */
function logSome(emit: Emit): void {
  emit("connect", { port: 40_000, interface: "192.0.2.1" });
  emit("login", { user: "joe", server: "mail", seconds: 0 });
  emit("close", closing);
  emit("clientTold", { line: "STAT" });
  emit("failure", failing);
}

/**
 * Logs a few events.
 *
 * @param delivered is awaited before the log is closed
 * @returns what came to a file that takes the place of stderr
 */
async function onStderr(
  t: TestContext,
  options: Partial<LogOptions>,
  found: (file: number) => Partial<Surroundings> = () => ({}),
  delivered: () => Promise<void> = () => Promise.resolve(),
): Promise<string> {
  const path = join(folder(t), "stderr");
  const file = openSync(path, "a");
  const around = { stderr: file, environment: {}, socket: "/nowhere", ...found(file) };
  const all = { ...plainly, ...options };
  const { emit, close } = openLog(logSettings(all), all, around);
  logSome(emit);
  await delivered();
  await close();
  emit("end", { signal: "late" });
  closeSync(file);
  return readFileSync(path, "latin1").replace(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /gm, "AT ");
}

const [CONNECT, LOGIN, CLOSE, FAILURE] = [
  "connect port=40000 interface=192.0.2.1\n",
  "login user=joe server=mail seconds=0\n",
  "close code=quit reason=quit seconds=1 retrieved=0 deleted=0 octets=0\n",
  "failure blame=server code=lookup reason=x\n",
];
const timed = `AT info ${CONNECT}AT info ${LOGIN}AT info ${CLOSE}`;

test("-d: all on stderr with times, whatever else there is", async (t) => {
  const journal = (file: number) => ({ environment: { JOURNAL_STREAM: streamOf(file) } });
  const expected = `${timed}AT debug client> line=STAT\nAT err ${FAILURE}`;
  assert.equal(await onStderr(t, { debug: true, syslog: "udp://192.0.2.1" }, journal), expected);
});

test("in the foreground: stderr with times, no debug lines; -m: no connect, no login", async (t) => {
  assert.equal(await onStderr(t, { foreground: true }), `${timed}AT err ${FAILURE}`);
  assert.equal(await onStderr(t, { foreground: true, brief: true }), `AT info ${CLOSE}AT err ${FAILURE}`);
});

test("stderr is the journal: lines with their severity, for it alone", async (t) => {
  const journal = (file: number) => ({ environment: { JOURNAL_STREAM: streamOf(file) } });
  const expected = `<6>${CONNECT}<6>${LOGIN}<6>${CLOSE}<3>${FAILURE}`;
  assert.equal(await onStderr(t, {}, journal), expected);
  assert.equal(await onStderr(t, { foreground: true }, journal), expected);
  const other = () => ({ environment: { JOURNAL_STREAM: "1:2" } });
  assert.equal(await onStderr(t, { foreground: true }, other), `${timed}AT err ${FAILURE}`);
});

test("the client's connection is never written, neither with -d nor in the foreground", async (t) => {
  const daemon = localDaemon(t, join(folder(t), "dev-log"));
  await daemon.start();
  const found = (file: number) => ({ socket: daemon.path, environment: { JOURNAL_STREAM: streamOf(file) } });
  const delivered = () => until(() => daemon.lines.length === 5);
  assert.equal(await onStderr(t, { debug: true, foreground: true, stderrIsClient: true }, found, delivered), "");
  assert.match(daemon.lines[3] as string, /<23>.*: client> line=STAT$/);
});

test("--syslog comes before the journal and /dev/log", async (t) => {
  const daemon = await udpDaemon(t);
  await daemon.start();
  const found = (file: number) => ({ socket: "/dev/log", environment: { JOURNAL_STREAM: streamOf(file) } });
  const options = { foreground: true, syslog: `udp://127.0.0.1:${daemon.port}`, facility: "ftp" };
  assert.equal(await onStderr(t, options, found), "");
  await until(() => daemon.lines.length === 4);
  assert.match(daemon.lines[0] as string, /^<94>.*: connect port=40000 interface=192\.0\.2\.1$/);
});

test("nothing is started or opened before the first line", () => {
  const opened = join(__dirname, "opened.js");
  const script = `
    const { opened, plainly } = require(${JSON.stringify(opened)});
    const { readdirSync } = require("node:fs");
    const before = readdirSync("/proc/self/fd").length;
    const all = [{}, { syslog: "tcp://localhost" }, { stderrIsClient: true, debug: true }];
    for (const options of all) opened({ ...plainly, ...options });
    const children = readdirSync("/proc/self/task/" + process.pid).includes("children");
    console.log(JSON.stringify({
      more: readdirSync("/proc/self/fd").length - before,
      children: children ? require("node:fs").readFileSync("/proc/self/task/" + process.pid + "/children", "utf8") : "",
    }));`;
  const found = JSON.parse(execFileSync(process.execPath, ["-e", script], { encoding: "utf8" }));
  assert.deepEqual(found, { more: 0, children: "" });
});

test("a pipe is opened while the rights are there", (t) => {
  const path = join(folder(t), "fifo");
  execFileSync("mkfifo", [path]);
  const pipe = openSync(path, "r+");
  const before = readlinkSync(`/proc/self/fd/${pipe}`);
  const { close } = opened({ ...plainly, foreground: true }, { stderr: pipe, environment: {}, socket: "/nowhere" });
  const again = openSync("/dev/null", "r");
  assert.equal(readlinkSync(`/proc/self/fd/${again - 1}`), before);
  closeSync(again - 1);
  closeSync(again);
  closeSync(pipe);
  return close();
});

test("a pipe of somebody else's, which can't be opened anew, is written as it is", async (t) => {
  const path = join(folder(t), "fifo");
  execFileSync("mkfifo", [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const pipe = openSync(path, "w");
  const denied = t.mock.method(fs, "openSync", () => {
    throw Object.assign(new Error("denied"), { code: "EACCES" });
  });
  const { log, close } = opened(
    { ...plainly, foreground: true },
    { stderr: pipe, environment: {}, socket: "/nowhere" },
  );
  assert.equal(denied.mock.callCount(), 1);
  denied.mock.restore();
  log("info", "close", {});
  await close();
  assert.match(readFileSync(reader, "latin1"), /^\S+ info close\n$/);
  closeSync(reader);
});

function streamOf(file: number): string {
  const { dev, ino } = fstatSync(file, { bigint: true });
  return `${dev}:${ino}`;
}
