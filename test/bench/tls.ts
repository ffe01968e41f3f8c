/**
 * What TLS costs: the latency of a NOOP while 500 handshakes stand half open, and CPU for 100 MB and for a session of a
 * client in clear in front of a server with TLS, beside stunnel doing the same in the same run.
 *
 *   npm run bench:tls
 */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { authority, certified, fileOf, lacking, withCertificates } from "../stage/certificates";
import { freePort } from "../stage/ports";
import { until } from "../stage/waiting";
import { Client, median } from "./client";
import { LARGE, type Started, startGateway, startUpstream } from "./processes";

const HALF_OPEN = 500;
const NOOPS = 1000;
const ROUNDS = 7;
const RETRS = 10;
const SESSIONS = 200;

/** The first octets of a ClientHello. */
const HALF_HELLO = Buffer.from("1603010200010001fc0303", "hex");

/** What is measured: where it listens, and whose CPU it is. */
interface Target {
  readonly port: number;
  readonly pid: number;
  stop(): void;
}

/** CPU time of a process and of all threads that it ever had, in milliseconds. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1")
    .replace(/^.*\) /s, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Starts a program and waits until its port takes connections. */
async function startTarget(file: string, argv: readonly string[], port: number): Promise<Target> {
  const child: ChildProcess = spawn(file, argv, { stdio: ["ignore", "ignore", "ignore"] });
  const listens = async () => {
    const socket = connect({ port, host: "127.0.0.1" });
    const connected = await once(socket, "connect").then(
      () => true,
      () => false,
    );
    socket.destroy();
    return connected;
  };
  await until(listens, `${file} does not listen`, { every: 25 });
  return { port, pid: child.pid as number, stop: () => child.kill("SIGKILL") };
}

/** TLS in front of a server in clear; a process of its own, since it costs as much as what is measured. */
async function terminate(port: number, to: number, cert: string, key: string): Promise<void> {
  const pair = { cert: readFileSync(cert), key: readFileSync(key) };
  const server = createTlsServer(pair, (client: Socket) => {
    const behind = connect({ port: to, host: "127.0.0.1", noDelay: true });
    client.setNoDelay(true);
    client.pipe(behind).pipe(client);
    client.on("error", () => behind.destroy());
    behind.on("error", () => client.destroy());
  });
  await once(server.listen(port, "127.0.0.1"), "listening");
}

/** Starts `terminate`. */
async function startTlsServer(upstream: Started): Promise<Target> {
  const { certFile, keyFile } = certified("good");
  const port = await freePort();
  return startTarget(process.execPath, [__filename, `${port}`, `${upstream.port}`, certFile, keyFile], port);
}

async function startStunnel(to: number): Promise<Target | null> {
  if (spawnSync("stunnel", ["-version"]).error) return null;
  const port = await freePort();
  const lines = [
    "foreground = yes\npid =\ndebug = 3\nsocket = l:TCP_NODELAY=1\nsocket = r:TCP_NODELAY=1",
    `[pop3]\nclient = yes\naccept = 127.0.0.1:${port}\nconnect = 127.0.0.1:${to}`,
    `CAfile = ${authority()}\nverifyChain = yes\ncheckIP = 127.0.0.1\n`,
  ];
  return startTarget("stunnel", [fileOf("stunnel.conf", lines.join("\n"))], port);
}

async function startMeasured(to: number): Promise<Target> {
  const { port, pid, stop } = await startGateway(to, [""], "--server-tls", "tls", "--server-ca", authority());
  return { port, pid, stop: () => void stop() };
}

/** CPU for 100 MB, in milliseconds. */
async function bulk({ port, pid }: Target, user: string): Promise<number> {
  const client = new Client(port);
  await client.logIn(user);
  const before = cpuOf(pid);
  for (let i = 0; i < RETRS; i++) await client.ask("RETR 1", "\r\n.\r\n");
  const cost = cpuOf(pid) - before;
  await client.ask("QUIT");
  client.close();
  return (cost * 100e6) / (RETRS * LARGE);
}

/** CPU for a session, in milliseconds. */
async function sessions({ port, pid }: Target, user: string): Promise<number> {
  const before = cpuOf(pid);
  for (let i = 0; i < SESSIONS; i++) {
    const client = new Client(port);
    await client.logIn(user);
    await client.ask("STAT");
    await client.ask("RETR 2", "\r\n.\r\n");
    await client.ask("QUIT");
    client.close();
  }
  return (cpuOf(pid) - before) / SESSIONS;
}

/** How long a NOOP takes, in microseconds: the median, and that of the slowest hundredth. */
async function latency(client: Client): Promise<[number, number]> {
  const times: number[] = [];
  for (let i = 0; i < NOOPS; i++) {
    const began = performance.now();
    await client.ask("NOOP");
    times.push((performance.now() - began) * 1000);
  }
  return [median(times), times.sort((a, b) => a - b)[Math.floor(NOOPS * 0.99)] as number];
}

/** The latency of another session beside handshakes that have begun and do not go on. */
async function crowd(upstream: Started): Promise<void> {
  const options = ["--allow-cleartext-login", ...withCertificates(certified("good"))];
  const gateway = await startGateway(upstream.port, ["/starttls"], ...options);
  const client = new Client(gateway.port);
  await client.logIn("crowd");
  await latency(client); // warm-up
  const row = (what: string, [middle, slow]: [number, number]) =>
    console.log(
      `NOOP, ${what.padEnd(36)} median ${middle.toFixed(0).padStart(5)} us, p99 ${slow.toFixed(0).padStart(6)}`,
    );
  row("alone", await latency(client));
  const sockets: Socket[] = [];
  for (let i = 0; i < HALF_OPEN; i++) {
    const socket = connect({ port: gateway.port, host: "127.0.0.1" }).on("error", () => {});
    sockets.push(socket);
    await once(socket, "data");
    socket.write("STLS\r\n");
    await once(socket, "data");
    socket.write(HALF_HELLO);
  }
  row(`${HALF_OPEN} handshakes half open`, await latency(client));
  console.log(`of these still open: ${sockets.filter((socket) => !socket.readableEnded).length}`);
  for (const socket of sockets) socket.destroy();
  client.close();
  await gateway.stop();
}

async function main(): Promise<void> {
  if (lacking) throw new Error(lacking);
  const upstream = await startUpstream();
  await crowd(upstream);
  const server = await startTlsServer(upstream);
  const stunnel = await startStunnel(server.port);
  if (!stunnel) console.log("there is no stunnel to compare with");
  const targets = { gateway: await startMeasured(server.port), ...(stunnel && { stunnel }) };
  const figures = Object.entries(targets).map(([name, target]) => ({ name, target, bulk: [0], session: [0] }));
  for (let round = 0; round <= ROUNDS; round++) {
    for (const one of figures) {
      const [large, small] = [await bulk(one.target, one.name), await sessions(one.target, one.name)];
      if (round === 0)
        [one.bulk, one.session] = [[], []]; // warm-up
      else one.bulk.push(large) && one.session.push(small);
    }
  }
  for (const { name, bulk, session } of figures) {
    const [large, small] = [median(bulk).toFixed(0).padStart(5), median(session).toFixed(2).padStart(6)];
    console.log(`${name.padEnd(8)} to a server with TLS: CPU for 100 MB ${large} ms, for a session ${small} ms`);
  }
  for (const { target } of figures) target.stop();
  server.stop();
  await upstream.stop();
}

const [port, to, cert, key] = process.argv.slice(2);
if (port && to && cert && key) void terminate(Number(port), Number(to), cert, key);
else void main();
