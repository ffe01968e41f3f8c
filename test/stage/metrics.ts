/** What tests of --metrics have in common: an HTTP client, what Prometheus would read, and snapshots. */

import { request } from "node:http";
import type { TestContext } from "node:test";
import { COUNTERS, HISTOGRAMS } from "../../src/metrics/families";
import type { Snapshot } from "../../src/metrics/snapshot";
import { type GatewayProcess, type ProcessOptions, startProcess } from "./process";

export interface HttpReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** Sends a request on a connection of its own, and reads its answer. */
export function ask(
  port: number,
  path: string,
  { method = "GET", headers = {} }: { method?: string; headers?: Record<string, string> } = {},
): Promise<HttpReply> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, path, method, headers, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("error", reject);
      answer.on("end", () => {
        const body = Buffer.concat(chunks).toString();
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body });
      });
    });
    asked.on("error", reject);
    asked.end();
  });
}

/** The samples of a text of Prometheus by their names with labels, such as `name{label="value"}`. */
export function samplesOf(text: string): Map<string, number> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.split(" ").at(-1))]));
}

/** A gateway with --metrics, and the port of these. */
export async function startWatched(
  t: TestContext | null,
  argv: readonly string[],
  options: ProcessOptions = {},
): Promise<{ gateway: GatewayProcess; metrics: number }> {
  const gateway = await startProcess(["--metrics", "0", ...argv], { ...(t && { t }), ...options });
  return { gateway, metrics: Number((await gateway.logged("metrics")).fields.port) };
}

/** A snapshot of a gateway that has just begun, with what a test wants to be different. */
export function snapshotWith(wishes: Partial<Snapshot> = {}): Snapshot {
  const none = (names: object) => Object.fromEntries(Object.keys(names).map((name) => [name, []]));
  const time = Date.UTC(2026, 10, 26, 12);
  return {
    time,
    version: "0.1.0",
    node: "20.0.0",
    openssl: "3.0.0",
    started: time - 3_600_000,
    uptime: 3600,
    accepting: true,
    services: [],
    sessions: { total: 0, limit: 1000, states: { authorization: 0, login: 0, transaction: 0 }, shown: [] },
    servers: [],
    refusals: [],
    certificates: [],
    history: [],
    waiting: {},
    counts: none(COUNTERS) as unknown as Snapshot["counts"],
    times: none(HISTOGRAMS) as unknown as Snapshot["times"],
    process: {
      cpuUser: 1,
      cpuSystem: 0.5,
      cpu: 1.5,
      resident: 1,
      heapUsed: 1,
      heapTotal: 1,
      external: 1,
      started: 1,
      loopBusy: 1,
      lagMean: 0,
      lag50: 0,
      lag99: 0,
      lagMax: 0,
    },
    ...wishes,
  };
}

/** A session as the page shows it. */
export function sessionRow(wishes: Partial<Snapshot["sessions"]["shown"][number]> = {}) {
  return {
    id: "abc.1",
    service: "",
    client: "192.0.2.7",
    user: "joe",
    server: "mail.example.org",
    state: "transaction" as const,
    tls: "",
    age: 7,
    received: 40,
    sent: 4000,
    retrieved: 1,
    underWay: "",
    ...wishes,
  };
}
