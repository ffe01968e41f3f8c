/**
 * What tokens cost (--oauth): how long the event loop stands still while 100 first logins make their keys; the CPU of a
 * login whose token is known, beside one with a password; the CPU of a renewal.
 *
 *   npm run bench:oauth
 */

import { readFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { type TestContext, test } from "node:test";
import { Abort } from "../../src/base/until";
import { newKey, seal } from "../../src/oauth/record";
import { Renewals } from "../../src/oauth/renewals";
import { Vault, VaultMemory } from "../../src/oauth/vault";
import { Starts } from "../../src/process/children";
import { ACCOUNT, PASSWORD, type Stage, stage } from "../oauth/stage";
import { Client, median } from "./client";
import { cpuOf, startGateway, startUpstream } from "./processes";

const ACCOUNTS = 100;
const LOGINS = 500;
const ROUNDS = 5;
const RENEWALS = 10;

/** A turn of the event loop that other sessions feel, in milliseconds of CPU. */
const LONG_TURN = 5;

/** The clock ticks of a second in /proc. */
const TICKS = 100;

const alive = () => ({ token: "stored", until: Date.now() + 3600_000 });

function vaultOf({ settings }: Stage): Vault {
  return new Vault(settings, new VaultMemory(new Renewals(new Starts())));
}

/** What the system has given this thread, in milliseconds: time on a processor, and the wait for one. */
function given(): readonly [run: number, wait: number] {
  const [run, wait] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, "latin1").split(" ").map(Number);
  return [(run as number) / 1e6, (wait as number) / 1e6];
}

/** The longest turn of the event loop while `work` goes on. A busy machine makes it wait, which is told apart. */
async function longestTurn(work: () => Promise<unknown>): Promise<string> {
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  let over = false;
  let [before, turns, long, most, waited] = [given(), 0, 0, 0, 0];
  const turn = () => {
    const at = given();
    const run = at[0] - before[0];
    turns++;
    if (run > LONG_TURN) long++;
    most = Math.max(most, run);
    waited = Math.max(waited, at[1] - before[1]);
    before = at;
    if (!over) setTimeout(turn, 1);
  };
  turn();
  histogram.enable();
  await work();
  histogram.disable();
  over = true;
  const late = (histogram.percentile(99) / 1e6).toFixed(1);
  const longest = `the longest ${most.toFixed(1)} ms, ${long} of ${turns} over ${LONG_TURN} ms`;
  return `turns: ${longest}; wait for a processor: at most ${waited.toFixed(1)} ms; 99 % of timers within ${late} ms`;
}

test("the event loop, while 100 accounts log in for the first time", async (t) => {
  const on = await stage(t);
  const key = await newKey(PASSWORD);
  const names = Array.from({ length: ACCOUNTS }, (_, count) => `user${count}@example.org`);
  for (const account of names) {
    const record = seal({ account, provider: "fake", authorized: "" }, key, { access: alive() });
    await (await on.store.reserve(account)).commit(record);
  }
  const vault = vaultOf(on);
  const login = async (account: string): Promise<void> => {
    const answer = await vault.token({ account, provider: "fake", password: PASSWORD }, new Abort());
    // Too many keys are wanted: the client comes again.
    if (answer.kind === "none") await new Promise((resolve) => setTimeout(resolve, 100)).then(() => login(account));
  };
  await login(names.pop() as string); // V8 compiles what the others run
  const began = performance.now();
  const busy = await longestTurn(() => Promise.all(names.map(login)));
  const took = performance.now() - began;
  const idle = await longestTurn(() => new Promise((resolve) => setTimeout(resolve, took)));
  t.diagnostic(`with ${ACCOUNTS} keys in ${Math.round(took)} ms: ${busy}`);
  t.diagnostic(`with nothing to do: ${idle}`);
});

test("a login whose token is known, beside one with a password", async (t) => {
  const on = await stage(t);
  await on.authorize(ACCOUNT, { token: on.provider.access(), until: Date.now() + 3600_000 });
  const upstream = await startUpstream([]);
  const gateway = await startGateway(upstream.port, [""], "-m", "-u", "root", "--oauth", on.file);
  const logins = async (user: string, password: string): Promise<number> => {
    const before = gateway.cpu();
    for (let count = 0; count < LOGINS; count++) {
      const client = new Client(gateway.port);
      await client.ask(null);
      await client.ask(`USER ${user}`);
      await client.ask(`PASS ${password}`);
      await client.ask("QUIT");
      client.close();
    }
    return ((gateway.cpu() - before) * 1000) / LOGINS;
  };
  const found: Record<string, number[]> = { [ACCOUNT]: [], joe: [] };
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [user, times] of Object.entries(found)) {
      const took = await logins(user, user === ACCOUNT ? PASSWORD : "demo");
      if (round > 0) times.push(took);
    }
  }
  for (const [user, times] of Object.entries(found)) t.diagnostic(`${user}: ${median(times).toFixed(0)} us a session`);
  await gateway.stop();
  await upstream.stop();
});

/** CPU of child processes that have ended, in milliseconds. */
function cpuOfChildren(): number {
  const fields = readFileSync("/proc/self/stat", "latin1").split(") ")[1]?.split(" ") ?? [];
  return ((Number(fields[13]) + Number(fields[14])) * 1000) / TICKS;
}

async function renewals(t: TestContext): Promise<void> {
  const on = await stage(t);
  await on.authorize();
  const vault = vaultOf(on);
  const own = cpuOf(process.pid);
  const before = cpuOfChildren();
  let refused: string | undefined;
  for (let count = 0; count < RENEWALS; count++) {
    const given = { account: ACCOUNT, provider: "fake", password: PASSWORD };
    const answer = await vault.token({ ...given, ...(refused !== undefined && { refused }) }, new Abort());
    if (answer.kind === "none") throw new Error(answer.why);
    refused = answer.token;
  }
  const each = (cpu: number) => (cpu / RENEWALS).toFixed(0);
  t.diagnostic(`the process of a renewal: ${each(cpuOfChildren() - before)} ms`);
  t.diagnostic(`its key, and the rest: ${each(cpuOf(process.pid) - own)} ms`);
}

test("a renewal", renewals);
