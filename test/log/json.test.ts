/** --log-format json: every event as an object on a line that a JSON parser and syslog take. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { jsonLine } from "../../src/log/json";
import { openLog } from "../../src/log/open";
import { udpDaemon, until } from "./daemons";

/** The longest line: it fits into a message of syslog beside its header. */
const BOUND = 900;

test("an event is an object with its time, level, name and fields in order", () => {
  const text = jsonLine("turnedAway", { client: "192.0.2.1", code: "max-sessions", reason: "-ERR no" });
  const { time, ...rest } = JSON.parse(text);
  assert.match(time, /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/);
  assert.deepEqual(Object.entries(rest), [
    ["level", "notice"],
    ["event", "refused"],
    ["client", "192.0.2.1"],
    ["code", "max-sessions"],
    ["reason", "-ERR no"],
  ]);
  const close = { code: "quit", reason: "quit", seconds: 3, retrieved: 0, deleted: 1, octets: 640 };
  const parsed = JSON.parse(jsonLine("close", close, { session: "s.1", client: "" }));
  assert.deepEqual([parsed.session, parsed.client, parsed.deleted], ["s.1", "", 1]);
});

test("no octet of a client leaves its string, and UTF-8 stays readable", () => {
  const octets = Buffer.from('Jürgen "x"\\\r\n\x7f').toString("latin1");
  const text = jsonLine("unsupported", { command: octets }, { session: "s.1" });
  assert.match(text, /^[ -~]+$/);
  assert.equal(JSON.parse(text).command, 'Jürgen "x"\\\r\n\x7f');
  assert.equal(
    JSON.parse(jsonLine("unsupported", { command: "\xff\xfe" })).command,
    "\xff\xfe",
    "octets that are no UTF-8",
  );
});

test("a line that is too long is cut in its longest value, and stays an object", () => {
  for (const long of ["x".repeat(5000), "\0".repeat(5000), "ü".repeat(600), '"'.repeat(899)]) {
    const text = jsonLine(
      "denied",
      { user: "joe", code: "server-denied", reason: "server", answer: long },
      { session: "s" },
    );
    assert.ok(text.length <= BOUND, `${text.length}`);
    const { user, answer } = JSON.parse(text);
    assert.equal(user, "joe");
    assert.ok(answer.endsWith("..."), answer.slice(-20));
    assert.ok(text.length > BOUND / 2, "not more is cut than needed");
  }
  const all = "y".repeat(4000);
  const three = jsonLine("denied", { user: all, code: "server-denied", reason: all, answer: all });
  assert.ok(three.length <= BOUND && JSON.parse(three).code === "server-denied");
});

test("a syslog daemon gets the objects", async (t) => {
  const daemon = await udpDaemon(t);
  await daemon.start();
  const syslog = { transport: "udp", host: "127.0.0.1", port: daemon.port } as const;
  const settings = { debug: false, brief: false, facility: 2, format: "json", syslog } as const;
  const log = openLog(settings, { foreground: false, stderrIsClient: false });
  log.emit("end", { signal: "SIGTERM" });
  await log.close();
  await until(() => daemon.lines.length === 1);
  const [, object = ""] = /pop3\.proxy\[\d+\]: (.*)$/.exec(daemon.lines[0] as string) ?? [];
  assert.equal(JSON.parse(object).signal, "SIGTERM");
});
