/**
 * What the gateway costs, beside the same server reached through a bare pipe() relay, in turn within one run:
 * CPU for a 30-MiB RETR, CPU for a whole session with one small mail, memory of an idle session.
 *
 *   npm run bench
 */

import { Client, median } from "./client";
import { LARGE, type Started, startGateway, startPipe, startUpstream } from "./processes";

const ROUNDS = 7;
const RETRS = 10;
const SESSIONS = 500;
const IDLE = 1000;

async function bulk(target: Started, user: string): Promise<number> {
  const client = new Client(target.port);
  await client.logIn(user);
  const before = target.cpu();
  for (let i = 0; i < RETRS; i++) await client.ask("RETR 1", "\r\n.\r\n");
  const cost = (target.cpu() - before) / RETRS;
  await client.ask("QUIT");
  client.close();
  return cost;
}

async function sessions(target: Started, user: string): Promise<number> {
  const before = target.cpu();
  for (let i = 0; i < SESSIONS; i++) {
    const client = new Client(target.port);
    await client.logIn(user);
    await client.ask("STAT");
    await client.ask("RETR 2", "\r\n.\r\n");
    await client.ask("QUIT");
    client.close();
  }
  return ((target.cpu() - before) / SESSIONS) * 1000;
}

async function idle(target: Started): Promise<number> {
  const clients: Client[] = [];
  const grow = async (to: number) => {
    for (let i = clients.length; i < to; i++) {
      const client = new Client(target.port);
      await client.logIn(`idle${i}`);
      clients.push(client);
    }
    return target.memory();
  };
  const some = await grow(IDLE / 4);
  const all = await grow(IDLE);
  for (const client of clients) client.close();
  return (all - some) / (IDLE - IDLE / 4);
}

async function main(): Promise<void> {
  const upstream = await startUpstream();
  const targets = { pipe: await startPipe(upstream.port), gateway: await startGateway(upstream.port) };
  const figures = {
    pipe: { bulk: [] as number[], session: [] as number[] },
    gateway: { bulk: [] as number[], session: [] as number[] },
  };
  const names = ["pipe", "gateway"] as const;
  const memory = { pipe: await idle(targets.pipe), gateway: await idle(targets.gateway) };
  for (let round = 0; round <= ROUNDS; round++) {
    for (const name of names) {
      const once = { bulk: await bulk(targets[name], name), session: await sessions(targets[name], name) };
      if (round === 0) continue; // warm-up
      figures[name].bulk.push(once.bulk);
      figures[name].session.push(once.session);
    }
  }
  const row = (what: string, unit: string, of: (name: "pipe" | "gateway") => number) => {
    const [pipe, gateway] = names.map(of) as [number, number];
    console.log(
      `${what.padEnd(34)} ${pipe.toFixed(1).padStart(8)} ${gateway.toFixed(1).padStart(8)}  x ${(gateway / pipe).toFixed(2)}  ${unit}`,
    );
  };
  console.log(`medians of ${ROUNDS} rounds                     pipe  gateway`);
  row(`CPU of a RETR of ${LARGE / 1024 / 1024} MiB`, "ms", (name) => median(figures[name].bulk));
  row("CPU of a session with one 4-KiB mail", "us", (name) => median(figures[name].session));
  row("memory of an idle session", "KiB", (name) => memory[name]);
  for (const one of [targets.pipe, targets.gateway, upstream]) await one.stop();
}

void main();
