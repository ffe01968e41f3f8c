/**
 * Where lines go, and which lines; and what is loaded before there are any.
 */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs, { closeSync, constants, fstatSync, openSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type LogOptions, openLog, type Surroundings } from "../../src/log/open";
import { plainly } from "./child";
import { folder, localDaemon, udpDaemon, until } from "./daemons";

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
  const { log, close } = openLog({ ...plainly, ...options }, around);
  for (const event of ["connect", "login", "close"]) log("info", event, { client: "192.0.2.1" });
  log("debug", "client>", { line: "STAT" });
  log("err", "failure", {});
  await delivered();
  await close();
  log("err", "late", {});
  closeSync(file);
  return readFileSync(path, "latin1").replace(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /gm, "AT ");
}

const timed = "AT info connect client=192.0.2.1\nAT info login client=192.0.2.1\nAT info close client=192.0.2.1\n";

test("-d: all on stderr with times, whatever else there is", async (t) => {
  const journal = (file: number) => ({ environment: { JOURNAL_STREAM: streamOf(file) } });
  const expected = `${timed}AT debug client> line=STAT\nAT err failure\n`;
  assert.equal(await onStderr(t, { debug: true, syslog: "udp://192.0.2.1" }, journal), expected);
});

test("in the foreground: stderr with times, no debug lines; -m: no connect, no login", async (t) => {
  assert.equal(await onStderr(t, { foreground: true }), `${timed}AT err failure\n`);
  assert.equal(
    await onStderr(t, { foreground: true, brief: true }),
    "AT info close client=192.0.2.1\nAT err failure\n",
  );
});

test("stderr is the journal: lines with their severity, for it alone", async (t) => {
  const journal = (file: number) => ({ environment: { JOURNAL_STREAM: streamOf(file) } });
  const expected = "<6>connect client=192.0.2.1\n<6>login client=192.0.2.1\n<6>close client=192.0.2.1\n<3>failure\n";
  assert.equal(await onStderr(t, {}, journal), expected);
  assert.equal(await onStderr(t, { foreground: true }, journal), expected);
  const other = () => ({ environment: { JOURNAL_STREAM: "1:2" } });
  assert.equal(await onStderr(t, { foreground: true }, other), `${timed}AT err failure\n`);
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
  assert.match(daemon.lines[0] as string, /^<94>.*: connect client=192\.0\.2\.1$/);
});

test("what is not a facility or an address is told at once", () => {
  assert.throws(() => openLog({ ...plainly, facility: "mall" }), /^Error: not a syslog facility: mall$/);
  assert.throws(() => openLog({ ...plainly, syslog: "tls://host" }), /^Error: not udp:.*: tls:\/\/host$/);
});

test("nothing is loaded, started or opened before the first line", () => {
  const open = join(__dirname, "..", "..", "src", "log", "open.js");
  const script = `
    const before = new Set(process.moduleLoadList);
    const { openLog } = require(${JSON.stringify(open)});
    const all = [{}, { syslog: "tcp://localhost" }, { stderrIsClient: true, debug: true }];
    for (const options of all) openLog({ ...${JSON.stringify(plainly)}, ...options });
    const files = Object.keys(require.cache).map((file) => file.replace(/^.*\\/(src|node_modules)\\//, ""));
    const natives = process.moduleLoadList.filter((name) => !before.has(name));
    console.log(JSON.stringify({ files, natives, open: require("node:fs").readdirSync("/proc/self/fd").length }));`;
  const { files, natives } = JSON.parse(execFileSync(process.execPath, ["-e", script], { encoding: "utf8" }));
  const log = ["log/destination.js", "log/line.js", "log/open.js"];
  assert.deepEqual(files.sort(), ["base/address.js", "base/quote.js", "config/syslog.js", ...log]);
  for (const name of natives) assert.doesNotMatch(name, /dgram|child_process|dns/);
});

test("a pipe is opened while the rights are there", (t) => {
  const path = join(folder(t), "fifo");
  execFileSync("mkfifo", [path]);
  const pipe = openSync(path, "r+");
  const before = readlinkSync(`/proc/self/fd/${pipe}`);
  const { close } = openLog({ ...plainly, foreground: true }, { stderr: pipe, environment: {}, socket: "/nowhere" });
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
  const { log, close } = openLog(
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
