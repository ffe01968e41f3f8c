/**
 * What a log line looks like where it arrives.
 */

import assert from "node:assert/strict";
import { hostname } from "node:os";
import { test } from "node:test";
import { openSyslog, timestamp } from "../../src/log/syslog";
import { tcpDaemon, udpDaemon, until } from "./daemons";

const header = (pri: number) =>
  `^<${pri}>[A-Z][a-z]{2} [ 123][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} ${hostname().split(".")[0]} pop3\\.proxy\\[${process.pid}\\]: `;

test("every level and facility becomes its PRI; kern is 0, not the package's default", async (t) => {
  const daemon = await udpDaemon(t);
  await daemon.start();
  const levels = [
    ["err", 3],
    ["warning", 4],
    ["notice", 5],
    ["info", 6],
    ["debug", 7],
  ] as const;
  for (const facility of [0, 2, 3, 23]) {
    daemon.lines.length = 0;
    const syslog = openSyslog({ transport: "udp", host: "127.0.0.1", port: daemon.port }, facility);
    for (const [level] of levels) syslog.write(level, "close client=1.2.3.4");
    await syslog.close();
    await until(() => daemon.lines.length === levels.length);
    for (const [index, [, severity]] of levels.entries()) {
      assert.match(
        daemon.lines[index] as string,
        new RegExp(`${header(facility * 8 + severity)}close client=1\\.2\\.3\\.4$`),
      );
    }
  }
});

for (const transport of ["udp", "tcp"] as const) {
  test(`G1: ${transport}: no text makes two messages, and none has more than 1024 octets`, async (t) => {
    const daemon = await (transport === "udp" ? udpDaemon(t) : tcpDaemon(t));
    await daemon.start();
    const syslog = openSyslog({ transport, host: "127.0.0.1", port: daemon.port }, 2);
    syslog.write("info", "a\n<0>Nov 21 10:00:00 host kernel: panic\r\n\0\x1b[2J\x7f\x85\u2028\xff b");
    syslog.write("info", "x".repeat(70_000));
    syslog.write("info", "");
    await syslog.close();
    await until(() => daemon.lines.length === 3);
    const [first = "", second = "", third = ""] = daemon.lines;
    assert.match(
      first,
      new RegExp(`${header(22)}a\\?<0>Nov 21 10:00:00 host kernel: panic\\?\\?\\?\\?\\[2J\\?\\?\\?\\? b$`),
    );
    assert.equal(second.length, 1024);
    assert.match(second, new RegExp(`${header(22)}x+$`));
    assert.match(third, new RegExp(`${header(22)}$`));
  });
}

test("time stamps are RFC 3164's", () => {
  assert.equal(timestamp(new Date(2026, 10, 6, 1, 2, 3)), "Nov  6 01:02:03");
  assert.equal(timestamp(new Date(2026, 0, 30, 23, 59, 59)), "Jan 30 23:59:59");
});
