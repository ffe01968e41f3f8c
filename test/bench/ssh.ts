/**
 * What a server through --ssh costs, beside the same server through plain `ssh -L`, in turn within one run, with the
 * same client: sessions and their CPU, speed and CPU of a maildrop of 100 MB. CPU is that of all processes on this side:
 * the gateway, ssh, and what they have started and waited for.
 *
 *   npm run bench:ssh
 */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { lacking, program, start, stop } from "../real/programs";
import { type Sshd, sshdParts, startSshd } from "../real/sshd";
import { startSshGateway, temporary } from "../real/sshgateway";
import { atEnd } from "../stage/ending";
import { freePort } from "../stage/ports";
import { cpuWithChildren, inside } from "../stage/processes";
import { until } from "../stage/waiting";
import { Client, median } from "./client";
import { SMALL, startUpstream } from "./processes";

const ROUNDS = 5;
const SESSIONS = 200;
/** How many sessions are under way at the same time. */
const CROWD = 20;
const MAILS = 20;
const MEGABYTES = 100;
const HOST = "gateway.example.org";

interface Way {
  readonly port: number;
  /** Its CPU so far, in milliseconds. */
  cpu(): number;
}

interface Figures {
  /** Milliseconds. */
  readonly took: number;
  readonly cpu: number;
}

async function measured(way: Way, work: () => Promise<void>): Promise<Figures> {
  const [began, before] = [performance.now(), way.cpu()];
  await work();
  return { took: performance.now() - began, cpu: way.cpu() - before };
}

async function session({ port }: Way, user: string, mails: readonly number[]): Promise<void> {
  const client = new Client(port);
  await client.logIn(user);
  for (const mail of mails) await client.ask(`RETR ${mail}`, "\r\n.\r\n");
  await client.ask("QUIT");
  client.close();
}

/** Many sessions with one small mail each. */
async function sessions(way: Way): Promise<void> {
  let left = SESSIONS;
  const one = async (user: string) => {
    while (left-- > 0) await session(way, user, [MAILS + 1]);
  };
  await Promise.all(Array.from({ length: CROWD }, (_, index) => one(`joe${index}`)));
}

function maildrop(way: Way): Promise<void> {
  return session(
    way,
    "joe",
    Array.from({ length: MAILS }, (_, index) => index + 1),
  );
}

async function plain(t: TestContext, { env }: Sshd, server: number): Promise<Way> {
  const port = await freePort();
  const forward = `127.0.0.1:${port}:127.0.0.1:${server}`;
  const child = start(program("ssh"), ["-N", "-C", "-L", forward, HOST], {
    env,
    stdio: ["ignore", "ignore", "ignore"],
  });
  atEnd(t, () => stop(child));
  const answers = () =>
    session({ port, cpu: () => 0 }, "joe", [])
      .then(() => true)
      .catch(() => false);
  await until(answers, "ssh -L does not forward");
  return { port, cpu: () => cpuWithChildren(child.pid as number) };
}

async function through(t: TestContext, sshd: Sshd, server: number): Promise<Way> {
  const many = ["--max-sessions", "10000", "--max-per-client", "10000"];
  const argv = [...many, "--ssh", HOST, `127.0.0.1:${server}`];
  const { pid, port } = await startSshGateway(t, sshd, argv, { mode: "--foreground" });
  await session({ port, cpu: () => 0 }, "joe", []);
  const master = inside(temporary(sshd));
  assert.equal(master.length, 1, "one ssh is to be there");
  return { port, cpu: () => [pid, ...master].reduce((sum, one) => sum + cpuWithChildren(one), 0) };
}

const skip = lacking(...sshdParts);
void test("bench", { skip }, async (t) => {
  const sizes = [...Array.from({ length: MAILS }, () => (MEGABYTES / MAILS) * 1e6), SMALL];
  const upstream = await startUpstream(sizes);
  atEnd(t, () => upstream.stop());
  const sshd = await startSshd(t, HOST);
  await sshd.authorize();
  const ways = { plain: await plain(t, sshd, upstream.port), gateway: await through(t, sshd, upstream.port) };
  const names = ["plain", "gateway"] as const;
  const all = { plain: { small: [], large: [] }, gateway: { small: [], large: [] } } as Record<
    (typeof names)[number],
    Record<"small" | "large", Figures[]>
  >;
  for (let round = 0; round <= ROUNDS; round++) {
    for (const name of names) {
      const small = await measured(ways[name], () => sessions(ways[name]));
      const large = await measured(ways[name], () => maildrop(ways[name]));
      if (round === 0) continue; // warm-up
      all[name].small.push(small);
      all[name].large.push(large);
    }
  }
  const row = (what: string, unit: string, digits: number, of: (name: (typeof names)[number]) => number) => {
    const [one, other] = names.map(of) as [number, number];
    const figures = [one, other].map((figure) => figure.toFixed(digits).padStart(9)).join("");
    console.log(`${what.padEnd(36)}${figures}  x ${(other / one).toFixed(2)}  ${unit}`);
  };
  const middle = (list: readonly Figures[], of: (one: Figures) => number) => median(list.map(of));
  console.log(`medians of ${ROUNDS} rounds                     ssh -L  gateway`);
  row("sessions with one 4-KiB mail", "1/s", 0, (name) =>
    middle(all[name].small, ({ took }) => (SESSIONS / took) * 1e3),
  );
  row("CPU of such a session", "ms", 2, (name) => middle(all[name].small, ({ cpu }) => cpu / SESSIONS));
  row(`a maildrop of ${MEGABYTES} MB`, "MB/s", 1, (name) =>
    middle(all[name].large, ({ took }) => (MEGABYTES / took) * 1e3),
  );
  row("CPU of it", "ms", 0, (name) => middle(all[name].large, ({ cpu }) => cpu));
});
