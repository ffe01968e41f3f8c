/**
 * Syslog over UDP: a daemon that is away, comes, and goes. On one host the system tells of every refused datagram;
 * across a network it tells of some, and of those that a full buffer drops it never tells: neither is tested here. So
 * there are few lines where all must arrive: 250 short ones fit into the buffer of a socket that nobody reads yet.
 */

import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import dns from "node:dns";
import { once } from "node:events";
import { describe, mock, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Destination } from "../../src/log/destination";
import { openSyslog } from "../../src/log/syslog";
import { ownTime } from "../stage/stopwatch";
import { closedInTime, type Daemon, lostIn, numbersIn, udpDaemon, until } from "./daemons";

const open = (port: number, host = "127.0.0.1") => openSyslog({ transport: "udp", host, port }, 2);
const write = (syslog: Destination, from: number, to: number, more = "") => {
  for (let n = from; n < to; n++) syslog.write("info", `${more}n=${n}`);
};
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);

test("what does not fit is counted while nobody listens, and memory stays where it was", async (t) => {
  const daemon = await udpDaemon(t);
  const syslog = open(daemon.port);
  const count = 50_000;
  const more = `${"x".repeat(900)} `;
  write(syslog, 0, 5000, more);
  await sleep(10);
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  for (let n = 5000; n < count; n += 1000) {
    write(syslog, n, n + 1000, more);
    await sleep(1);
  }
  // 40 MB and more were written.
  assert.ok(process.memoryUsage().rss - before < 40e6);
  await daemon.start();
  await until(
    () => numbersIn(daemon.lines).length + lostIn(daemon.lines) === count,
    () => daemon.lines.length,
  );
  assert.ok(numbersIn(daemon.lines).length > 200);
  await syslog.close();
});

/** Waits until the system refuses a datagram to this port: on a busy machine that may take it a while. */
async function refused(port: number): Promise<void> {
  const socket = createSocket("udp4");
  const refusal = once(socket, "error");
  socket.connect(port, "127.0.0.1", () => socket.send("?"));
  await refusal;
  socket.close();
}

/** A daemon that has got a line, has been away while so many were written, and is back before anybody tried again. */
async function refusing(t: TestContext, count: number): Promise<Daemon> {
  for (;;) {
    const daemon = await udpDaemon(t);
    await daemon.start();
    const syslog = open(daemon.port);
    t.after(() => syslog.close());
    write(syslog, 0, 1);
    await until(() => daemon.lines.length === 1);
    await sleep(50);
    await daemon.stop();
    const gone = performance.now();
    write(syslog, 1, 1 + count);
    await sleep(50);
    await refused(daemon.port);
    write(syslog, 1 + count, 11 + count);
    await sleep(20);
    await daemon.start();
    // The next try is 250 ms after the first; a machine that stood still for so long has shown nothing.
    if (performance.now() - gone < 200) return daemon;
    await syslog.close();
    await daemon.stop();
  }
}

describe("udp", { concurrency: 4 }, () => {
  test("a daemon that comes later gets all that waited, in order", async (t) => {
    const daemon = await udpDaemon(t);
    const syslog = open(daemon.port);
    write(syslog, 0, 150);
    await sleep(100);
    write(syslog, 150, 250);
    await daemon.start();
    await until(() => numbersIn(daemon.lines).length === 250);
    assert.deepEqual(numbersIn(daemon.lines), numbers(0, 250));
    assert.equal(lostIn(daemon.lines), 0);
    await syslog.close();
  });

  for (const count of [1, 2, 9, 200]) {
    test(`a daemon that has gone and refuses ${count}: counted to the last one, and told first`, async (t) => {
      const daemon = await refusing(t, count);
      await until(() => numbersIn(daemon.lines).includes(10 + count));
      const lost = lostIn(daemon.lines);
      assert.match(daemon.lines[1] as string, /<20>.*: lost messages=[0-9]+$/);
      // A volley is as much as can be refused before it is noticed; the rest has waited.
      assert.equal(lost, Math.min(count, 32));
      assert.deepEqual(numbersIn(daemon.lines), [0, ...numbers(1 + lost, 11 + count)]);
    });
  }

  test("a name is looked up once per socket, and its first address that refuses nothing is taken", async (t) => {
    const daemon = await udpDaemon(t);
    await daemon.start();
    const system = dns.lookup;
    const lookups: string[] = [];
    const lookup = mock.method(dns, "lookup", ((...asked: [string, object, (...found: unknown[]) => void]) => {
      const [host, , done] = asked;
      if (host !== "log.example") return (system as (...all: unknown[]) => void)(...asked);
      lookups.push(host);
      const found = ["::1", "127.0.0.2", "127.0.0.1"];
      setImmediate(() =>
        done(
          null,
          found.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
        ),
      );
    }) as never);
    t.after(() => lookup.mock.restore());
    const syslog = open(daemon.port, "log.example");
    write(syslog, 0, 100);
    await until(() => daemon.lines.length === 100);
    assert.equal(lookups.splice(0).length, 1);
    await daemon.stop();
    const gone = performance.now();
    write(syslog, 100, 101);
    await sleep(100);
    await daemon.start();
    const away = performance.now() - gone;
    // A line behind one whose refusal comes late is refused, too.
    let n = 101;
    await until(() => {
      write(syslog, n, n + 1);
      n++;
      return (numbersIn(daemon.lines).at(-1) as number) > 100;
    });
    // The next socket is tried 250 ms after the first has been refused; a machine that stands still makes more of them.
    assert.ok(lookups.length === 1 || (lookups.length > 1 && away > 200), `${lookups.length} lookups`);
    await syslog.close();
  });

  test("a name that is not found, and an address that can't be reached, cost nothing but the messages", async () => {
    for (const host of ["nobody.invalid", "2001:db8::1", "255.255.255.255"]) {
      const syslog = open(9, host);
      write(syslog, 0, 100);
      await sleep(30);
      const start = ownTime();
      await syslog.close();
      assert.ok(ownTime() - start < 2000, host);
    }
  });

  test("close() delivers what was written just before it", async (t) => {
    await closedInTime(async () => {
      const daemon = await udpDaemon(t);
      await daemon.start();
      const log = open(daemon.port, "localhost");
      write(log, 0, 250);
      const check = async () => {
        write(log, 250, 251);
        await until(
          () => daemon.lines.length === 250,
          () => daemon.lines.length,
        );
      };
      return { log, check };
    });
  });
});
