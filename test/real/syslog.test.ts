/**
 * A real rsyslogd behind each way that log lines take. It is stopped, killed and started again under load: the process
 * that logs is neither stopped nor grown nor ended by that, and every message has either arrived or is counted, as far
 * as that can be known. What can't be:
 * - UDP: what the daemon's full buffer drops, and what was in that buffer when the daemon was killed;
 * - TCP: what the system had taken for the daemon, and the daemon had not read, when it was killed. Of a message that
 *   was partly on its way only half may have been lost;
 * - all: what the daemon itself had read and not yet written.
 */

import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Report, Task } from "../log/chatter";
import { chatter } from "../log/child";
import { folder, lostIn, numbersIn, until } from "../log/daemons";
import { opened, plainly } from "../log/opened";
import { drawn, tellDraw } from "../stage/draws";
import { lacking } from "./programs";
import { type Rsyslogd, startRsyslogd } from "./rsyslogd";

/** How a log is opened for each way, and what rsyslogd calls the way. */
const ways = [
  ["udp", "udp", (to: Rsyslogd) => ({ options: { ...plainly, syslog: `udp://127.0.0.1:${to.port}` } })],
  ["tcp", "tcp", (to: Rsyslogd) => ({ options: { ...plainly, syslog: `tcp://localhost:${to.port}` } })],
  ["/dev/log", "imuxsock", (to: Rsyslogd) => ({ options: plainly, found: { socket: to.socket } })],
] as const;

type Way = ReturnType<(typeof ways)[number][2]>;

/** A way as a task of a chatter has it. */
const task = ({ options, ...rest }: Way): Pick<Task, "options" | "founds"> => ({
  options,
  founds: "found" in rest ? [rest.found] : [{}],
});

tellDraw("ways to rsyslogd");

/** For about a second and a half. */
const load = { count: 12_000, perTurn: 50, pause: 5, more: 100 } satisfies Partial<Task>;

describe("rsyslogd", { skip: lacking("rsyslogd", "logger"), concurrency: 9 }, () => {
  for (const [way, input, how] of drawn(ways, 1, "ways to rsyslogd")) {
    test(`${way}: lines arrive as they are, with facility, severity and tag`, async (t) => {
      const rsyslogd = await startRsyslogd(t);
      const { options, ...found } = { found: {}, ...how(rsyslogd) };
      for (const [index, facility] of ["mail", "authpriv", "local7"].entries()) {
        const { log, close } = opened({ ...options, debug: true, stderrIsClient: true, facility }, found.found);
        for (const level of ["err", "warning", "notice", "info", "debug"] as const) {
          log(level, "login", { user: 'joe "x"\n<0>y \xff%s', server: "mail.example:110" });
        }
        // A close has one second, in which a busy machine may not get that far.
        await until(() => rsyslogd.lines().length === 5 * (index + 1));
        await close();
      }
      const text = 'login user="joe \\"x\\"\\x0a<0>y \\xff%s" server=mail.example:110';
      const expected = ["mail", "authpriv", "local7"].flatMap((facility) =>
        ["err", "warning", "notice", "info", "debug"].map(
          (severity) => `${input}|${facility}|${severity}|pop3.proxy[${process.pid}]:| ${text}`,
        ),
      );
      assert.deepEqual(rsyslogd.lines(), expected);
    });

    test(`${way}: a daemon that stands still for a while`, async (t) => {
      const rsyslogd = await startRsyslogd(t);
      const [all, leave] = [join(folder(t), "all"), join(folder(t), "leave")];
      const { child, ended } = chatter(t, { ...load, ...task(how(rsyslogd)), said: all, leave, knock: true });
      assert.ok(child.pid);
      await until(() => rsyslogd.lines().length > 100);
      rsyslogd.signal("SIGSTOP");
      await sleep(500);
      rsyslogd.signal("SIGCONT");
      const { said, came, known } = await settled(t, rsyslogd, ended, all, leave);
      if (way === "udp") assert.ok(known <= said);
      else assert.equal(known, said);
      assert.deepEqual(came, ordered(came));
    });

    test(`${way}: a daemon that is killed and comes back, twice`, async (t) => {
      const rsyslogd = await startRsyslogd(t);
      const [all = "", leave = "", ...back] = ["all", "leave", "once", "twice"].map((name) => join(folder(t), name));
      // A third of the lines is for each daemon, so that none comes back when nothing is said any more.
      const holds = back.map((file, index) => ({ before: ((index + 1) * load.count) / 3, file }));
      const { ended } = chatter(t, { ...load, ...task(how(rsyslogd)), holds, said: all, leave, knock: true });
      for (const [index, away] of [0, 300].entries()) {
        const before = rsyslogd.lines().length;
        await until(() => rsyslogd.lines().length > before + 500);
        await rsyslogd.kill();
        await sleep(away);
        await rsyslogd.restart();
        const kept = rsyslogd.lines().length;
        await until(() => rsyslogd.lines().length > kept);
        writeFileSync(back[index] as string, "");
      }
      const { said, came, known } = await settled(t, rsyslogd, ended, all, leave);
      assert.deepEqual(came, ordered(came));
      assert.ok(came.length > load.count / 4);
      // Over TCP a batch that was on its way counts as lost, though some of it may have come.
      assert.ok(known <= said + (way === "tcp" ? 2 * 500 : 0));
    });
  }
});

/**
 * Lets a process end that has written its load, when all has come that will: while there is more than the log keeps, it
 * is the new lines that are lost.
 *
 * @returns how many lines it has written, the numbers of those that came, and how many came or are counted as lost
 */
async function settled(
  t: TestContext,
  rsyslogd: Rsyslogd,
  ended: Promise<Report | null>,
  all: string,
  leave: string,
): Promise<{ said: number; came: number[]; known: number }> {
  const progress = () => rsyslogd.lines().length;
  await until(() => existsSync(all), progress);
  const count = Number(readFileSync(all, "latin1"));
  await until(() => numbersIn(rsyslogd.lines()).some((n) => n >= count), progress);
  writeFileSync(leave, "");
  const report = await ended;
  assert.ok(report && report.stood < 500 && report.grown < 40e6 && report.closing < 2000, JSON.stringify(report));
  const { said } = report;
  await until(() => numbersIn(rsyslogd.lines()).includes(said - 1), progress);
  const came = numbersIn(rsyslogd.lines());
  const lost = lostIn(rsyslogd.lines());
  t.diagnostic(`${came.length} came, ${lost} counted, ${said - came.length - lost} unknown`);
  return { said, came, known: came.length + lost };
}

/** Each number once, in order. */
function ordered(numbers: readonly number[]): number[] {
  return [...new Set(numbers)].sort((one, other) => one - other);
}
