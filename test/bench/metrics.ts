/**
 * What clients of --metrics cost the sessions: how long a NOOP takes alone, with Prometheus and a browser as they ask in
 * real life, and with 100 clients that ask without a pause, connect without a pause, or say nothing.
 *
 *   npm run bench:metrics
 */

import { spawn } from "node:child_process";
import { Agent, get } from "node:http";
import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { startWatched } from "../stage/metrics";
import { median } from "./client";
import { Patient } from "./patient";
import { cpuOf, startUpstream } from "./processes";

const CLIENTS = 100;
const ROUNDS = 5;
const MEASURED = 2000;

/** The kinds of clients, which run in a process of their own until it is ended. */
const KINDS: Record<string, (port: number) => void> = {
  "a scrape and a page each second": (port) => {
    setInterval(() => {
      for (const path of ["/metrics", "/"]) get({ port, path, host: "127.0.0.1" }, (answer) => answer.resume());
    }, 1000);
  },
  "100 that ask without a pause": (port) => {
    const agent = new Agent({ keepAlive: true });
    const again = (path: string): void => {
      get({ port, path, host: "127.0.0.1", agent }, (answer) => answer.resume().once("end", () => again(path))).once(
        "error",
        () => setTimeout(again, 1, path),
      );
    };
    for (let one = 0; one < CLIENTS; one++) again(["/", "/metrics", "/status.json"][one % 3] as string);
  },
  "100 that connect without a pause": (port) => {
    const again = (): void => {
      const socket = connect(port, "127.0.0.1").on("error", () => {});
      socket.once("connect", () => socket.end());
      socket.resume().once("close", () => setImmediate(again));
    };
    for (let one = 0; one < CLIENTS; one++) again();
  },
  "100 that say half a request": (port) => {
    const again = (): void => {
      const socket = connect(port, "127.0.0.1").on("error", () => {});
      socket.write("GET / HTTP/1.1\r\nHost:");
      socket.resume().once("close", () => setTimeout(again, 100));
    };
    for (let one = 0; one < CLIENTS; one++) again();
  },
};

async function main(): Promise<void> {
  const upstream = await startUpstream();
  const { gateway, metrics } = await startWatched(null, ["-m", `127.0.0.1:${upstream.port}`], { mode: "--foreground" });
  const patient = new Patient(gateway.port);
  await pause(500);
  const figures = new Map<string, { times: number[]; cpu: number[] }>();
  for (let round = 0; round < ROUNDS; round++) {
    for (const kind of ["nobody", ...Object.keys(KINDS)]) {
      const child =
        kind === "nobody" ? null : spawn(process.execPath, [__filename, kind, `${metrics}`], { stdio: "ignore" });
      await pause(300);
      await patient.times();
      const before = cpuOf(gateway.pid);
      await pause(MEASURED);
      const own = figures.get(kind) ?? { times: [], cpu: [] };
      own.times.push(median(await patient.times()));
      own.cpu.push((100 * (cpuOf(gateway.pid) - before)) / MEASURED);
      figures.set(kind, own);
      child?.kill("SIGKILL");
      await pause(300);
    }
  }
  const alone = median(figures.get("nobody")?.times ?? []);
  console.log("| clients of --metrics | NOOP, us | times alone | CPU of the gateway, % |\n|---|---:|---:|---:|");
  for (const [kind, { times, cpu }] of figures) {
    const time = median(times);
    console.log(`| ${kind} | ${(time * 1000).toFixed(0)} | ${(time / alone).toFixed(2)} | ${median(cpu).toFixed(1)} |`);
  }
  await patient.stop();
  await gateway.stop("SIGKILL");
  await upstream.stop();
}

const [kind = "", port] = process.argv.slice(2);
if (KINDS[kind]) KINDS[kind](Number(port));
else void main();
