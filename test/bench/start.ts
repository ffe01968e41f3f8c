/**
 * From the connection to the greeting, behind openbsd-inetd: the wall time that a client waits, and the CPU time of
 * everything that serves it until it has said QUIT; beside /bin/cat and the least that a script of Node can do.
 *
 *   npm run bench:start
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { unpacked } from "../real/programs";
import { freePort } from "../stage/ports";
import { median } from "./client";
import { cpuOf, startGateway } from "./processes";

/** They take turns, since a machine is not as fast at all times. */
const ROUNDS = 8;
const SESSIONS = 12;

/** What users run: packed. */
const MAIN = join(__dirname, "..", "..", "..", "dist", "main.js");
const INETD = unpacked("openbsd-inetd/usr/sbin/inetd");

const BARE = `
process.stdout.write("+OK POP3 server ready\\r\\n");
process.stdin.once("data", () => process.exit(0));
`;

interface Target {
  readonly name: string;
  readonly port: number;
  /** CPU time so far, in milliseconds. */
  readonly cpu: () => number;
  /** From connect() to the greeting, in milliseconds, for each session. */
  readonly waits: number[];
  /** CPU of all these sessions, in milliseconds. */
  spent: number;
}

async function main(): Promise<void> {
  if (!existsSync(INETD)) throw new Error(`${INETD} is not there: test/real/install.sh`);
  const home = mkdtempSync("/tmp/pop3.proxy-");
  chmodSync(home, 0o755);
  const bare = join(home, "bare.js");
  writeFileSync(bare, BARE);
  const node = (...argv: string[]) => [process.execPath, "node", ...argv];
  const server = "mail.example.org";
  const services = {
    "/bin/cat": { manner: "nowait", argv: ["/bin/cat", "cat"] },
    "bare node": { manner: "nowait", argv: node(bare) },
    nowait: { manner: "nowait", argv: node(MAIN, server) },
    wait: { manner: "wait", argv: node(MAIN, server) },
  };
  const ports = new Map<string, number>();
  const lines: string[] = [];
  for (const [name, { manner, argv }] of Object.entries(services)) {
    const port = await freePort();
    ports.set(name, port);
    lines.push(`127.0.0.1:${port} stream tcp4 ${manner}.100000 ${userInfo().username} ${argv.join(" ")}\n`);
  }
  const conf = join(home, "inetd.conf");
  writeFileSync(conf, lines.join(""));
  // Its pid file becomes one of its own folder: a string of the same length.
  const copy = join(home, "inetd");
  writeFileSync(copy, readFileSync(INETD, "latin1").replace("/run/inetd.pid\0", "././/inetd.pid\0"), "latin1");
  chmodSync(copy, 0o700);
  // A file of certificates that Node were told to load at its start would be measured as well.
  const { NODE_EXTRA_CA_CERTS, ...env } = process.env;
  const inetd = spawn(copy, ["-i", conf], { cwd: home, stdio: "ignore", env });
  const pid = inetd.pid as number;
  await pause(300);
  const gateway = await startGateway(1);
  // What waits is still a child; what served one session has been waited for.
  const waiting = () => childrenOf(pid).reduce((sum, one) => sum + cpuOf(one), 0);
  const targets: Target[] = [
    ...[...ports].map(([name, port]) => ({
      ...{ name, port, waits: [], spent: 0 },
      cpu: name === "wait" ? waiting : () => buriedOf(pid),
    })),
    { name: "-D", port: gateway.port, cpu: gateway.cpu, waits: [], spent: 0 },
  ];
  for (let round = 0; round <= ROUNDS; round++) {
    for (const target of targets) await measure(target);
    if (round === 0) for (const target of targets) [target.waits.length, target.spent] = [0, 0]; // warm-up
  }
  console.log("                connect to greeting: median   99 %   CPU of a session");
  for (const target of targets) tell(target);
  for (const one of childrenOf(pid)) process.kill(one);
  inetd.kill();
  await gateway.stop();
  rmSync(home, { recursive: true });
}

async function measure(target: Target): Promise<void> {
  const before = target.cpu();
  for (let count = 0; count < SESSIONS; count++) {
    target.waits.push(await session(target.port, target.name === "/bin/cat"));
    await pause(40); // its process is still ending, and is to be waited for
  }
  target.spent += target.cpu() - before;
}

/** @param echo whether it is not a server that greets */
async function session(port: number, echo: boolean): Promise<number> {
  const began = performance.now();
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  socket.on("error", () => {}); // one that ends before its client has said all
  if (echo) socket.write("+OK\r\n");
  const [greeting] = await once(socket, "data");
  const waited = performance.now() - began;
  if (!`${greeting}`.startsWith("+OK")) throw new Error(`no greeting: ${greeting}`);
  socket.resume().end("QUIT\r\n");
  await once(socket, "close");
  return waited;
}

function tell({ name, waits, spent }: Target): void {
  const late = [...waits].sort((a, b) => a - b)[Math.floor(waits.length * 0.99)] as number;
  const [middle, slow, each] = [median(waits), late, spent / waits.length].map(
    (time) => `${time.toFixed(1).padStart(5)} ms`,
  );
  console.log(`${name.padEnd(34)} ${middle} ${slow}  ${each}`);
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").trim().split(" ").filter(Boolean).map(Number);
}

/** The CPU time of the children that a process has waited for, in milliseconds (proc(5): hundredths of a second). */
function buriedOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[13]) + Number(fields[14])) * 10;
}

void main();
