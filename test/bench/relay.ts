/**
 * What the gateway costs beside a bare pipe() relay, HAProxy in TCP mode and nginx mail, in turn within one run: CPU of
 * sessions and of mails, memory of idle sessions, and the time that a distant server adds.
 *
 *   npm run bench
 *
 * README.md of this folder has the last table.
 */

import { cpus } from "node:os";
import { Client, median } from "./client";
import { startHaproxy, startNginx } from "./peers";
import { SMALL, type Started, startFar, startGateway, startPipe, startUpstream } from "./processes";

const ROUNDS = 7;
const LARGE = 1024 * 1024;
const RETRS = 100;
const SESSIONS = 800;
const AT_ONCE = 8;
const MAILS = 2000;
const NOOPS = 4000;
const IDLE = 1000;
/** How far the distant server is, in milliseconds, and how many commands a client sends it at once. */
const FAR = 50;
const PIPELINED = 1000;

/** Does a part of the work by so many clients at once. @param once work of one client, again and again */
async function together(count: number, once: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const one = async () => {
    while (next < count) await once(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}

/** The clients of one measurement, logged in. A login is no part of what is measured then. */
async function loggedIn(target: Started, name: string, count = AT_ONCE): Promise<Client[]> {
  const clients = Array.from({ length: count }, () => new Client(target.port));
  await Promise.all(clients.map((client, index) => client.logIn(`${name}${index}`)));
  return clients;
}

/** CPU for one unit of what the clients do, in microseconds. */
async function costOf(
  target: Started,
  clients: readonly Client[],
  count: number,
  work: (one: Client) => Promise<void>,
) {
  const before = target.cpu();
  const free = [...clients];
  await together(count, async () => {
    const client = free.pop() as Client;
    await work(client);
    free.push(client);
  });
  const cost = ((target.cpu() - before) / count) * 1000;
  for (const client of clients) client.close();
  return cost;
}

/** What is measured of a target, each in the unit that it names. */
const ROWS: Readonly<Record<string, (target: Started) => Promise<number>>> = {
  "session with one 4-kB mail: CPU, us": async (target) => {
    const before = target.cpu();
    await together(SESSIONS, async (index) => {
      const client = new Client(target.port);
      await client.logIn(`session${index % (4 * AT_ONCE)}`);
      await client.ask("STAT");
      await client.ask("RETR 2", "\r\n.\r\n");
      await client.ask("QUIT");
      client.close();
    });
    return ((target.cpu() - before) / SESSIONS) * 1000;
  },
  "4-kB mail: CPU, us": async (target) =>
    costOf(target, await loggedIn(target, "small"), MAILS, (client) => client.ask("RETR 2", "\r\n.\r\n")),
  "4-kB mail, pipelined by 8: CPU, us": async (target) => {
    const clients = await loggedIn(target, "pipe");
    await Promise.all(clients.map((client) => client.ask("CAPA", "\r\n.\r\n").catch(() => {})));
    const eight = Array.from({ length: 8 }, () => "RETR 2");
    return (await costOf(target, clients, MAILS / 8, (client) => client.askAll(eight, "\r\n.\r\n"))) / 8;
  },
  "100 MB in 1-MB mails: CPU, ms": async (target) => {
    const retr = (client: Client) => client.ask("RETR 1", "\r\n.\r\n");
    const each = await costOf(target, await loggedIn(target, "bulk", AT_ONCE), RETRS, retr);
    return ((each / 1000) * 100e6) / LARGE;
  },
  "NOOP: CPU, us": async (target) =>
    costOf(target, await loggedIn(target, "noop"), NOOPS, (client) => client.ask("NOOP")),
};

/** Memory of an idle session, in kB: the slope between a quarter of them and all. */
async function idle(target: Started): Promise<number> {
  const clients: Client[] = [];
  const grow = async (to: number) => {
    for (let i = clients.length; i < to; i++) {
      const client = new Client(target.port);
      await client.logIn(`idle${i}`);
      clients.push(client);
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
    return target.memory();
  };
  const some = await grow(IDLE / 4);
  const all = await grow(IDLE);
  for (const client of clients) client.close();
  return (all - some) / (IDLE - IDLE / 4);
}

/** How long a login and pipelined commands take with a distant server, in milliseconds. */
async function distant(target: Started): Promise<[login: number, pipelined: number]> {
  const began = performance.now();
  const client = new Client(target.port);
  await client.logIn("far");
  const login = performance.now() - began;
  await client.ask("CAPA", "\r\n.\r\n");
  const then = performance.now();
  await client.askAll(Array.from({ length: PIPELINED }, () => "LIST 1"));
  const pipelined = performance.now() - then;
  client.close();
  return [login, pipelined];
}

type Table = Record<string, Record<string, number>>;

function print(table: Table, names: readonly string[]): void {
  console.log(`| median of ${ROUNDS} rounds | ${names.join(" | ")} |`);
  console.log(`|---|${names.map(() => "---:|").join("")}`);
  for (const [row, values] of Object.entries(table)) {
    const cells = names.map((name) => values[name]?.toFixed(1) ?? "-");
    console.log(`| ${row} | ${cells.join(" | ")} |`);
  }
}

async function main(): Promise<void> {
  const upstream = await startUpstream([LARGE, SMALL]);
  const far = await startFar(upstream.port, FAR);
  const all: Record<string, ((to: number) => Promise<Started | null>) | undefined> = {
    gateway: (to) => startGateway(to, [""], "--capa"),
    "pipe()": startPipe,
    HAProxy: startHaproxy,
    nginx: startNginx,
  };
  const targets: Record<string, Started> = {};
  const table: Table = {};
  const set = (row: string, name: string, value: number) => {
    table[row] = { ...table[row], [name]: value };
  };
  for (const [name, start] of Object.entries(all)) {
    const target = await start?.(upstream.port);
    if (target) targets[name] = target;
  }
  for (const [name, target] of Object.entries(targets)) set("idle session: memory, kB", name, await idle(target));
  const taken = new Map<string, number[]>();
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [row, measure] of Object.entries(ROWS)) {
      for (const [name, target] of Object.entries(targets)) {
        const value = await measure(target);
        // The first round is the warm-up.
        if (round === 0) continue;
        const values = [...(taken.get(`${row}\0${name}`) ?? []), value];
        taken.set(`${row}\0${name}`, values);
        set(row, name, median(values));
      }
    }
  }
  for (const name of ["gateway", "pipe()"]) {
    const target = (await all[name]?.(far.port)) as Started;
    const [login, pipelined] = await distant(target);
    set(`login, the server ${FAR} ms away: ms`, name, login);
    set(`${PIPELINED} LIST n at once, likewise: ms`, name, pipelined);
    await target.stop();
  }
  console.log(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}`);
  print(table, Object.keys(targets));
  for (const one of [...Object.values(targets), far, upstream]) await one.stop();
}

void main();
