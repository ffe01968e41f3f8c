/**
 * Asks an example as the gateway does: through Access, with a route that a login might have.
 */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { compileFunction } from "node:vm";
import { Acp } from "../../src/access/acp";
import { Programs } from "../../src/access/programs";
import type { Route } from "../../src/session/needs";
import { scratch } from "../stage/acp";

export const EXAMPLES = join(__dirname, "..", "..", "..", "acp-examples");

export const GRANTED = "granted";
export const DENIED = "-ERR [AUTH] access denied";
export const UNKNOWN = "-ERR [SYS/TEMP] access control not available";

/** What a login is like; text is UTF-8 here, and on its way to the gateway. */
export interface Asked extends Partial<Omit<Route, "selected" | "guarded">> {
  readonly client?: string;
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
    password: octets(asked.password ?? "server-password"),
    proxyUser: octets(asked.proxyUser ?? ""),
    proxyPassword: octets(asked.proxyPassword ?? ""),
    kind: "route",
    selected: true,
    guarded: true,
    tls: "none",
  };
}

interface Wishes {
  readonly acpTimeout?: number;
  readonly prefix?: string;
}

/** Asks a program. @param command its name among the examples or its path, and its arguments */
export async function ask(command: readonly string[], asked: Asked, settings: Wishes = {}): Promise<Answer> {
  const [program = "", ...words] = command;
  const log: object[] = [];
  const said: string[] = [];
  const argv = [program.includes("/") ? program : join(EXAMPLES, program), ...words];
  const terms = { argv, timeout: settings.acpTimeout ?? 30_000, prefix: settings.prefix ?? "PROXY_" };
  const acp = new Acp(terms, "none", { programs: new Programs() }, (name, fields) => {
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

/** How a program ends in EX_TEMPFAIL of sysexits.h, which is UNKNOWN for the gateway. */
export const TEMPFAIL = 75;

/** What came of a program that was run inside the test's process. */
export interface Ended {
  readonly status: number;
  /** The lines of its stderr. */
  readonly said: readonly string[];
}

/**
 * Runs an example for Node inside the test's process, as a function of its arguments and its environment: where many
 * logins are tried, starting Node for each takes longer than all that is looked at.
 */
export function runInside(name: string, words: readonly string[], asked: Asked): Ended {
  const text = readFileSync(join(EXAMPLES, name), "utf8").replace(/^#!.*/, "");
  let said = "";
  const { host, port, user, proxyUser, proxyPassword } = routed(asked);
  const utf8 = (latin1: string) => Buffer.from(latin1, "latin1").toString();
  const own = {
    argv: [process.execPath, join(EXAMPLES, name), ...words],
    env: {
      PROXY_CLIENT: asked.client ?? "192.0.2.77",
      PROXY_SERVER: host,
      PROXY_SERVERPORT: `${port}`,
      PROXY_SERVERLOGIN: utf8(user),
      PROXY_USERNAME: utf8(proxyUser),
      PROXY_PASSWD: utf8(proxyPassword),
    },
    exitCode: 0,
    stdout: { write: () => true },
    stderr: { write: (octets: string) => (said += octets) },
  };
  compileFunction(text, ["require", "process"])(require, own);
  return { status: own.exitCode, said: said.split("\n").filter((line) => line !== "") };
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
