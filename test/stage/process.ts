/**
 * The gateway as a process of its own, as it is started in real life.
 */

import assert from "node:assert/strict";
import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { atEnd } from "./ending";
import { type Ending, type Entry, Running } from "./running";
import { until } from "./waiting";

export const MAIN = join(__dirname, "..", "..", "src", "main.js");

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** A process, whichever it is. */
export interface Launched {
  readonly child: ChildProcess;
  /** What it has said on its stderr, if that is a pipe. */
  said(): string;
  /** Waits for its end. @returns its exit status or the signal that ended it */
  ended(): Promise<number | string>;
}

/** Starts a program. @param t the test with which it is killed */
export function launch(
  t: TestContext | null,
  file: string,
  argv: readonly string[],
  options: SpawnOptions & { stdio: SpawnOptions["stdio"] },
): Launched {
  // A file of authorities that Node loads at its start would change what a gateway trusts.
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  const child = spawn(file, argv, { env, ...options });
  running.add(child);
  let said = "";
  let end: { status: number | string } | null = null;
  child.stderr?.on("data", (chunk: Buffer) => (said += chunk.toString("latin1")));
  child.once("error", (fault) => (end = { status: fault.message }));
  child.once("exit", () => running.delete(child));
  child.once("close", (code, signal) => (end = { status: code ?? signal ?? "" }));
  const ended = async () => {
    const { status } = await until(
      () => end,
      () => `it does not end: ${said}`,
      { progress: () => said.length },
    );
    return status;
  };
  if (t) {
    atEnd(t, async () => {
      child.kill("SIGKILL");
      await ended();
    });
  }
  return { child, said: () => said, ended };
}

/** What stands behind the port of a --listen. */
export type Listener = `${"" | "/tls" | "/starttls"}${"" | "/proxy"}`;

export interface ProcessOptions extends Ending {
  /** Default: one without TLS. */
  readonly listeners?: readonly Listener[];
  /** How it logs; default: as in debug mode. */
  readonly mode?: "-d" | "--foreground";
  /** A command of the shell that goes before, such as `ulimit -n 400`. */
  readonly before?: string;
  /** What is held against it when the test ends. */
  readonly inspect?: Inspection;
}

/** When its test ends, the gateway must end on SIGTERM, and have logged neither faults nor secrets. */
export interface Inspection {
  readonly secret: string;
  /** The lines of level err and above that are expected. */
  readonly faults?: RegExp;
}

export class GatewayProcess extends Running {
  readonly child: ChildProcess;
  override readonly said: () => string;
  readonly #launched: Launched;
  /** The beginning of a line whose end has not come yet. */
  #rest = "";

  constructor(launched: Launched) {
    super();
    this.#launched = launched;
    this.child = launched.child;
    this.said = launched.said;
    this.child.stderr?.on("data", (chunk: Buffer) => this.#parse(chunk.toString("latin1")));
  }

  get pid(): number {
    return this.child.pid as number;
  }

  override get ports(): readonly number[] {
    return this.log.filter(({ event }) => event === "listen").flatMap(({ fields }) => Number(fields.port) || []);
  }

  /** The most memory that it has had resident, in KiB. */
  peak(): number {
    return peakOf(this.pid);
  }

  /** Ends it. @returns its exit status, or the signal that ended it */
  readonly stop = (signal: NodeJS.Signals = "SIGTERM"): Promise<number | string> => {
    this.child.kill(signal);
    return this.#launched.ended();
  };

  #parse(chunk: string): void {
    const lines = (this.#rest + chunk).split("\n");
    this.#rest = lines.pop() ?? "";
    this.log.push(...lines.flatMap((line) => parsed(line) ?? []));
  }
}

/** Starts it on free ports of 127.0.0.1. @param argv options and operands behind the listeners */
export async function startProcess(argv: readonly string[], options: ProcessOptions = {}): Promise<GatewayProcess> {
  const { t = null, listeners = [""], mode = "-d", before } = options;
  const listen = listeners.flatMap((listener) => ["--listen", `127.0.0.1:0${listener}`]);
  const own = [MAIN, mode, ...listen, ...argv];
  const [file, all] = before
    ? ["/bin/sh", ["-c", `${before}; exec "$0" "$@"`, process.execPath, ...own]]
    : [process.execPath, own];
  return listening(launch(t, file, all, { stdio: ["ignore", "ignore", "pipe"] }), listeners.length, options);
}

/** A gateway that was launched in debug mode, or so that it logs to stderr, as soon as it has so many listeners. */
export async function listening(
  launched: Launched,
  listeners: number,
  { t, inspect }: Pick<ProcessOptions, "t" | "inspect">,
): Promise<GatewayProcess> {
  const gateway = new GatewayProcess(launched);
  if (t && inspect) atEnd(t, () => inspected(gateway, inspect));
  const { child } = gateway;
  const listens = () => {
    assert.ok(child.exitCode === null && child.signalCode === null, `the gateway has ended: ${gateway.said()}`);
    return gateway.ports.length >= listeners;
  };
  await until(listens, () => `the gateway does not listen: ${gateway.said()}`);
  return gateway;
}

async function inspected(gateway: GatewayProcess, { secret, faults }: Inspection): Promise<void> {
  assert.equal(await gateway.stop(), 0, gateway.said());
  const lines = gateway.said().split("\n");
  const grave = lines.filter((line) => /^\S+ (?:err|crit|alert|emerg) /.test(line));
  assert.deepEqual(
    grave.filter((line) => !faults?.test(line)),
    [],
  );
  assert.ok(!gateway.said().includes(secret), "the password is in the log");
}

/** The most memory that a process has had resident, in KiB. */
export function peakOf(pid: number): number {
  return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1]);
}

const LINE = /^\S+ (emerg|alert|crit|err|warning|notice|info|debug) (\S+)((?: .*)?)$/;

/** A line of the log as an entry; null if it is something else, such as a stack. */
function parsed(line: string): Entry | null {
  const [, level, event, rest = ""] = LINE.exec(line) ?? [];
  if (level === undefined || event === undefined) return null;
  const pairs = [...rest.matchAll(/ ([\w-]+)=("(?:[^"\\]|\\.)*"|\S*)/g)];
  return { level, event, fields: Object.fromEntries(pairs.map(([, key, value]) => [key, unquoted(`${value}`)])) };
}

function unquoted(value: string): string {
  if (!value.startsWith('"')) return value;
  const code = (hex: string) => String.fromCharCode(Number.parseInt(hex, 16));
  return value.slice(1, -1).replace(/\\(?:x(..)|u(....)|(.))/g, (_, x?: string, u?: string, plain = "") => {
    const hex = x ?? u;
    return hex ? code(hex) : plain;
  });
}
