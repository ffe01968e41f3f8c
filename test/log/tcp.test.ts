/**
 * Syslog over TCP: daemons that stall, break off and come back. What the system had taken for a daemon that died nobody
 * tells us of: there only "not more than was sent" can be held.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Destination } from "../../src/log/destination";
import { openSyslog } from "../../src/log/syslog";
import { ownTime } from "../stage/stopwatch";
import { closedInTime, lostIn, numbersIn, tcpDaemon, until } from "./daemons";

const open = (port: number, host = "127.0.0.1") => openSyslog({ transport: "tcp", host, port }, 2);
const write = (syslog: Destination, from: number, to: number, more = "") => {
  for (let n = from; n < to; n++) syslog.write("info", `${more} n=${n}`);
};
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);

test("a daemon that reads nothing costs bounded memory; later it hears how much it missed", async (t) => {
  const daemon = await tcpDaemon(t);
  await daemon.start();
  daemon.stall(true);
  const syslog = open(daemon.port);
  const count = 58_000;
  const more = "x".repeat(900);
  write(syslog, 0, 5000, more);
  await sleep(50);
  const before = process.memoryUsage().rss;
  for (let n = 5000; n < count; n += 500) {
    write(syslog, n, n + 500, more);
    await sleep(0);
  }
  // 50 MB were written; the system's own buffers for the connection are not in it.
  assert.ok(process.memoryUsage().rss - before < 40e6, `${process.memoryUsage().rss - before}`);
  daemon.stall(false);
  await until(
    () => lostIn(daemon.lines) > 0,
    () => daemon.lines.length,
  );
  write(syslog, count, count + 1);
  const known = () => new Set(numbersIn(daemon.lines)).size + lostIn(daemon.lines);
  await until(() => known() === count + 1, known);
  assert.equal(daemon.connections(), 1);
  await syslog.close();
});

describe("tcp", { concurrency: 4 }, () => {
  test("a daemon that comes later gets all that waited, and a host may have a name", async (t) => {
    const daemon = await tcpDaemon(t);
    const syslog = open(daemon.port, "localhost");
    write(syslog, 0, 300);
    await sleep(100);
    await daemon.start();
    await until(
      () => daemon.lines.length === 300,
      () => daemon.lines.length,
    );
    assert.deepEqual(numbersIn(daemon.lines), numbers(0, 300));
    await syslog.close();
  });

  test("a daemon that restarts under load is found again, and nothing comes twice or out of order", async (t) => {
    const daemon = await tcpDaemon(t);
    await daemon.start();
    const syslog = open(daemon.port);
    let n = 0;
    const load = setInterval(() => {
      write(syslog, n, n + 20);
      n += 20;
    }, 2);
    const restarts = 2;
    for (let i = 0; i < restarts; i++) {
      const seen = daemon.lines.length;
      await until(
        () => daemon.lines.length > seen + 500,
        () => daemon.lines.length,
      );
      await daemon.stop();
      await sleep(30);
      await daemon.start();
    }
    clearInterval(load);
    // As long as the queue is full a line is lost, be it the last one.
    const loaded = n;
    await until(
      () => {
        write(syslog, n, n + 1);
        n++;
        return (numbersIn(daemon.lines).at(-1) as number) >= loaded;
      },
      () => daemon.lines.length,
    );
    const came = numbersIn(daemon.lines);
    assert.deepEqual(
      came,
      [...new Set(came)].sort((one, other) => one - other),
    );
    // A batch has at most 32 KiB. One at each restart is on the wire: it counts as lost, and some of it has come.
    const batch = (32 * 1024) / Math.min(...daemon.lines.map((line) => line.length + 1));
    const known = came.length + lostIn(daemon.lines);
    assert.ok(known <= n + restarts * batch, "no more is counted as lost than was on the wire");
    await syslog.close();
  });

  test("a daemon that hangs up at once is not run down", async (t) => {
    const daemon = await tcpDaemon(t);
    await daemon.start();
    const syslog = open(daemon.port);
    let over = false;
    const hanging = (async () => {
      while (!over) {
        await sleep(20);
        await daemon.stop();
        await daemon.start();
      }
    })();
    const start = performance.now();
    for (let n = 0; n < 60; n++) {
      write(syslog, n, n + 1);
      await sleep(10);
    }
    over = true;
    await hanging;
    // The pauses between two connections begin with 250 ms and double.
    const most = 3 + Math.log2(1 + (performance.now() - start) / 250);
    assert.ok(daemon.connections() <= most, `${daemon.connections()} connections, ${most} at most`);
    await syslog.close();
  });

  test("close() delivers what was written just before it, and does not wait for who never reads", async (t) => {
    await closedInTime(async () => {
      const daemon = await tcpDaemon(t);
      await daemon.start();
      const log = open(daemon.port);
      write(log, 0, 500);
      const check = () =>
        until(
          () => daemon.lines.length === 500,
          () => daemon.lines.length,
        );
      return { log, check };
    });
    const daemon = await tcpDaemon(t);
    await daemon.start();
    daemon.stall(true);
    const stalled = open(daemon.port);
    for (let n = 0; n < 100; n++) {
      write(stalled, 0, 200, "x".repeat(900));
      await sleep(0);
    }
    const start = ownTime();
    await stalled.close();
    assert.ok(ownTime() - start < 2000);
  });

  test("close() while nobody listens gives up at once", async (t) => {
    const daemon = await tcpDaemon(t);
    const syslog = open(daemon.port);
    write(syslog, 0, 5);
    const start = ownTime();
    await syslog.close();
    assert.ok(ownTime() - start < 500);
  });
});
