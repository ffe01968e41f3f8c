/**
 * Asks an example as the gateway does: through Access, with a route that a login might have.
 */

import fs, { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { TestContext } from "node:test";
import { compileFunction } from "node:vm";
import { Acp } from "../../src/access/acp";
import { type ProgramResult, Programs } from "../../src/access/programs";
import type { Route } from "../../src/session/needs";
import { scratch } from "../stage/acp";

export const EXAMPLES = join(__dirname, "..", "..", "..", "acp-examples");

export const GRANTED = "granted";
export const DENIED = "-ERR [AUTH] access denied";
export const UNKNOWN = "-ERR [SYS/TEMP] access control not available";

/** What a login is like; text is UTF-8 here, and on its way to the gateway. */
export interface Asked extends Partial<Omit<Route, "selected" | "guarded" | "secret">> {
  readonly client?: string;
  readonly password?: string;
}

export interface Answer {
  /** GRANTED, or the line for the client. */
  readonly verdict: string;
  /** Where the login goes; null if it is denied. */
  readonly route: Route | null;
  /** What the acp wrote to the log. */
  readonly said: readonly string[];
  /** All that is in the log. */
  readonly log: string;
}

/** An octet a character, as a session has what a client wrote. */
const octets = (text: string) => Buffer.from(text).toString("latin1");

/** The route of a login. */
export function routed(asked: Asked): Route {
  return {
    host: asked.host ?? "mail.example.com",
    port: asked.port ?? 110,
    user: octets(asked.user ?? "joe"),
    secret: { kind: "password", password: octets(asked.password ?? "server-password") },
    proxyUser: octets(asked.proxyUser ?? ""),
    proxyPassword: octets(asked.proxyPassword ?? ""),
    kind: "route",
    selected: true,
    guarded: true,
    tls: "none",
    others: [],
    because: "a test",
  };
}

interface Wishes {
  readonly acpTimeout?: number;
  readonly prefix?: string;
}

/** Asks a program. @param command its name among the examples or its path, and its arguments */
export function ask(command: readonly string[], asked: Asked, settings: Wishes = {}): Promise<Answer> {
  return askOf(new Programs(), command, asked, settings);
}

/**
 * Asks an example for Node that runs inside the test's process: where many logins are tried, starting Node for each
 * takes longer than all that is looked at.
 */
export function askInside(command: readonly string[], asked: Asked, settings: Wishes = {}): Promise<Answer> {
  return askOf(new ProgramsInside(), command, asked, settings);
}

/** What a program has answered, without its time. */
export async function answered(answer: Promise<Answer>): Promise<Omit<Answer, "log">> {
  const { verdict, route, said } = await answer;
  return { verdict, route, said };
}

async function askOf(programs: Programs, command: readonly string[], asked: Asked, settings: Wishes): Promise<Answer> {
  const [program = "", ...words] = command;
  const log: object[] = [];
  const said: string[] = [];
  const argv = [program.includes("/") ? program : join(EXAMPLES, program), ...words];
  const terms = { argv, timeout: settings.acpTimeout ?? 30_000, prefix: settings.prefix ?? "PROXY_" };
  const acp = new Acp(terms, "none", { programs }, (name, fields) => {
    log.push({ name, ...fields });
    if ("said" in fields) said.push(String(fields.said));
  });
  const about = {
    interface: { host: "192.0.2.1", port: 110 },
    client: asked.client ?? "192.0.2.77",
    session: "touki37xx.9",
  };
  const outcome = await acp.admit(routed(asked), about, new AbortController().signal);
  const denied = outcome.kind === "denial";
  return {
    verdict: denied ? outcome.reply : GRANTED,
    route: denied ? null : outcome,
    said,
    log: JSON.stringify(log),
  };
}

/** Runs examples for Node as functions of their arguments and their environment. */
class ProgramsInside extends Programs {
  override async run({ argv, environment, said }: Parameters<Programs["run"]>[0]): Promise<ProgramResult> {
    const [program = "", ...words] = argv;
    const written = { stdout: "", stderr: "", answer: "" };
    const own = {
      argv: [process.execPath, program, ...words],
      env: environment,
      exitCode: 0,
      stdout: { write: (text: string) => (written.stdout += octets(text)) },
      stderr: { write: (text: string) => (written.stderr += octets(text)) },
    };
    const writeSync = (fd: number, text: string) => {
      if (fd !== 3) throw new Error(`${basename(program)} writes to ${fd}`);
      written.answer += octets(text);
    };
    const load = (name: string) => (name === "node:fs" ? { ...fs, writeSync } : require(name));
    const text = readFileSync(program, "utf8").replace(/^#!.*/, "");
    compileFunction(text, ["require", "process"])(load, own);
    for (const line of written.stderr.split("\n")) if (line !== "") said(line);
    const { exitCode: status } = own;
    return { status, how: `exit status ${status}`, stdout: written.stdout, answer: written.answer, seconds: 0 };
  }
}

/** A file of the test's own, with these lines. @returns its path */
export function file(t: TestContext, ...lines: string[]): string {
  const path = join(scratch(t), "lines");
  writeFileSync(path, lines.map((line) => `${line}\n`).join(""));
  return path;
}

/** Files that nobody can read: one that is not there, and a folder. */
export function unreadable(t: TestContext): string[] {
  const folder = join(scratch(t), "folder");
  mkdirSync(folder);
  return ["/does/not/exist", folder];
}

/** A copy of an example with one text in it replaced by another. @returns its path */
export function changed(t: TestContext, name: string, from: string, to: string): string {
  const path = join(scratch(t), name);
  writeFileSync(path, readFileSync(join(EXAMPLES, name), "utf8").replaceAll(from, to), { mode: 0o755 });
  return path;
}
