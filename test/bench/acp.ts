/**
 * What access control costs others: the speed of a download alone, and while 500 logins go through a trivial acp; and
 * how long another session waits for its answers while programs hang, flood, leave a grandchild or kill themselves.
 *
 *   npm run bench:acp
 */

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, median } from "./client";
import { Patient } from "./patient";
import { LARGE, startGateway, startUpstream } from "./processes";

const LOGINS = 500;
const AT_ONCE = 8;
const ROUNDS = 3;

/** How long the download runs alone, in milliseconds. */
const ALONE = 4000;

/** The time limit of a program, in seconds. */
const HANG = 2;

/** What programs do that should not; each is the name of a user, and many log in at once. */
const BAD = ["hang", "flood", "grandchild", "suicide"] as const;
const BAD_AT_ONCE = 32;

const ACP = `#!/bin/sh
case $PROXY_SERVERLOGIN in
hang) trap '' TERM; sleep 1000 ;;
flood) head -c 100000000 /dev/zero; head -c 100000000 /dev/zero >&2; head -c 100000000 /dev/zero >&3 ;;
grandchild) sleep 1000 & ;;
suicide) kill -KILL $$ ;;
esac
exit 0
`;

interface Phase {
  /** In MiB per second. */
  readonly speeds: number[];
  /** In milliseconds. */
  readonly noops: number[];
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "pop3.proxy-"));
  chmodSync(folder, 0o755); // started by root, the gateway becomes another user
  const acp = join(folder, "acp");
  writeFileSync(acp, ACP);
  chmodSync(acp, 0o755);
  const upstream = await startUpstream();
  const gateway = await startGateway(upstream.port, [""], "-a", acp, "--acp-timeout", `${HANG}`);
  const client = new Client(gateway.port);
  await client.logIn("download");

  /** MiB per second until `over` says so. */
  const download = async (over: () => boolean): Promise<number> => {
    const began = performance.now();
    let octets = 0;
    while (!over()) {
      await client.ask("RETR 1", "\r\n.\r\n");
      octets += LARGE;
    }
    return octets / 1024 / 1024 / ((performance.now() - began) / 1000);
  };
  const patient = new Patient(gateway.port);
  const logins = async (round: number) => {
    let next = 0;
    const worker = async () => {
      while (next < LOGINS) {
        const one = new Client(gateway.port);
        await one.logIn(`user${round}.${next++}`);
        await one.ask("QUIT");
        one.close();
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  };

  const alone: Phase = { speeds: [], noops: [] };
  const beside: Phase = { speeds: [], noops: [] };
  const took: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const until = performance.now() + ALONE;
    await patient.times();
    const before = await download(() => performance.now() > until);
    const undisturbed = await patient.times();
    const began = performance.now();
    let over = false;
    const crowd = logins(round).then(() => {
      over = true;
    });
    const [during] = await Promise.all([download(() => over), crowd]);
    const disturbed = await patient.times();
    if (round === 0) continue; // warm-up
    alone.speeds.push(before);
    alone.noops.push(...undisturbed);
    beside.speeds.push(during);
    beside.noops.push(...disturbed);
    took.push((performance.now() - began) / 1000);
  }
  console.log(`                      download       NOOP of a third session: median  99 %  slowest`);
  tell("alone", alone);
  tell(`beside ${LOGINS} logins`, beside);
  console.log(`the download kept ${((100 * median(beside.speeds)) / median(alone.speeds)).toFixed(0)} %`);
  console.log(`the logins took ${median(took).toFixed(1)} s`);
  console.log(`beside ${BAD_AT_ONCE} that ...`);
  for (const kind of BAD) {
    await patient.times();
    const clients = Array.from({ length: BAD_AT_ONCE }, () => new Client(gateway.port));
    // They are refused, or granted, and each in its own time: nobody waits for that here.
    for (const one of clients) one.logIn(kind).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, (HANG + 2) * 1000));
    tell(kind, { speeds: [], noops: [...(await patient.times())] });
    for (const one of clients) one.close();
  }
  await patient.stop();
  client.close();
  await gateway.stop();
  await upstream.stop();
  rmSync(folder, { recursive: true });
}

function tell(what: string, { speeds, noops }: Phase): void {
  const times = noops.sort((a, b) => a - b);
  const [middle, late, slowest] = [0.5, 0.99, 1].map((part) =>
    times[Math.floor(part * (times.length - 1))]?.toFixed(1),
  );
  const speed = speeds.length > 0 ? `${median(speeds).toFixed(0).padStart(4)} MiB/s` : "";
  console.log(`${what.padEnd(20)}  ${speed.padEnd(10)}     ${middle} ms  ${late} ms  ${slowest} ms`);
}

void main();
