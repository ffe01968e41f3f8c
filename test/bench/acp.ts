/**
 * What access control costs others: the speed of a download alone, and while 500 logins go through a trivial acp.
 *
 *   npm run bench:acp
 */

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, median } from "./client";
import { LARGE, startGateway, startUpstream } from "./processes";

const LOGINS = 500;
const AT_ONCE = 8;
const ROUNDS = 3;

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "pop3.proxy-"));
  const acp = join(folder, "acp");
  writeFileSync(acp, "#!/bin/sh\nexit 0\n");
  chmodSync(acp, 0o755);
  const upstream = await startUpstream();
  const gateway = await startGateway(upstream.port, "-a", acp);
  const client = new Client(gateway.port);
  await client.logIn("download");

  /** MiB per second until `over` says so; and the longest time a NOOP of another session took meanwhile, in ms. */
  const download = async (over: () => boolean): Promise<number> => {
    const began = performance.now();
    let octets = 0;
    while (!over()) {
      await client.ask("RETR 1", "\r\n.\r\n");
      octets += LARGE;
    }
    return octets / 1024 / 1024 / ((performance.now() - began) / 1000);
  };
  let worst = 0;
  const patient = new Client(gateway.port);
  await patient.logIn("patient");
  const watch = async (over: () => boolean) => {
    while (!over()) {
      const began = performance.now();
      await patient.ask("NOOP");
      worst = Math.max(worst, performance.now() - began);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
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

  const alone: number[] = [];
  const beside: number[] = [];
  const took: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const until = performance.now() + 2000;
    const before = await download(() => performance.now() > until);
    let over = false;
    const began = performance.now();
    const crowd = logins(round).then(() => {
      over = true;
    });
    const [during] = await Promise.all([download(() => over), watch(() => over), crowd]);
    if (round === 0) {
      worst = 0;
      continue; // warm-up
    }
    alone.push(before);
    beside.push(during);
    took.push((performance.now() - began) / 1000);
  }
  console.log(`download alone                        ${median(alone).toFixed(0)} MiB/s`);
  console.log(
    `download beside ${LOGINS} logins with an acp  ${median(beside).toFixed(0)} MiB/s, ${((100 * median(beside)) / median(alone)).toFixed(0)} %`,
  );
  console.log(`the logins took                       ${median(took).toFixed(2)} s`);
  console.log(`the slowest NOOP of a third session   ${worst.toFixed(1)} ms`);
  client.close();
  patient.close();
  await gateway.stop();
  await upstream.stop();
  rmSync(folder, { recursive: true });
}

void main();
