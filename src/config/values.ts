/**
 * What stands behind an option, checked and in the form in which a Config has it. Whatever makes no sense is a
 * UsageFault that names the option.
 */

import { accessSync, constants, statSync } from "node:fs";
import { isIPv4, isIPv6 } from "node:net";
import { resolve } from "node:path";
import { parsePort } from "../base/address";
import { STATUS_LIMIT } from "../protocol/response";
import { parseServers } from "./servers";
import type { Config, Draft, ListenAddress, TlsMode, TlsVersion } from "./settings";
import { parseFacility, parseSyslogAddress } from "./syslog";

/** The command line can't be run as it is; the message is one line for the person who typed it. */
export class UsageFault extends Error {}

export const TLS_MODES: readonly TlsMode[] = ["none", "starttls", "tls"];
export const TLS_VERSIONS: readonly TlsVersion[] = ["1.0", "1.1", "1.2", "1.3"];

/** The most that an option about time takes, in seconds, and one about a number of sessions. */
export const MAX_SECONDS = 1_000_000;
export const MAX_COUNT = 1_000_000;

/** A whole number of 1 to `most`. @throws UsageFault */
export function whole(text: string, option: string, most: number): number {
  const number = /^[0-9]{1,7}$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > most) throw new UsageFault(`${option} takes a whole number of 1 to ${most}, not ${text}`);
  return number;
}

/** `[interface:]port[/tls|/starttls]`; an IPv6 interface wears brackets. @throws UsageFault */
export function listener(text: string): ListenAddress {
  const parts = /^(?:(?:\[([^\]]+)\]|([^:[\]/]+)):)?([0-9]+)(?:\/(tls|starttls))?$/.exec(text);
  const port = parsePort(parts?.[3] ?? "", true);
  if (!parts || port === null) throw new UsageFault(`not [interface:]port[/tls|/starttls]: ${text}`);
  const tls = parts[4] as TlsMode | undefined;
  return { host: parts[1] ?? parts[2] ?? null, port, ...(tls && { tls }) };
}

/** The pairs, the last one with its key. @throws UsageFault if it has one already, or there is none */
export function withKey(certificates: Config["certificates"], key: string): Config["certificates"] {
  const last = certificates.at(-1);
  if (last?.key !== "") throw new UsageFault("--tls-key stands behind its --tls-cert");
  return [...certificates.slice(0, -1), { ...last, key }];
}

/** SHA-256 as hex, from hex or base64. @throws UsageFault */
export function pin(text: string): string {
  if (/^[0-9a-f]{64}$/i.test(text)) return text.toLowerCase();
  if (/^[A-Za-z0-9+/]{43}=?$/.test(text)) return Buffer.from(text, "base64").toString("hex");
  throw new UsageFault(`--server-pin takes a SHA-256 in hex or base64, not ${text}`);
}

/** One of these words. @throws UsageFault */
export function oneOf<Choice extends string>(text: string, option: string, choices: readonly Choice[]): Choice {
  const choice = choices.find((one) => one === text);
  if (choice === undefined) throw new UsageFault(`${option} takes one of ${choices.join(", ")}, not ${text}`);
  return choice;
}

/** The greeting as octets; a time stamp in it would invite APOP, which is not permitted (RFC 1939, 7). */
export function greeting(text: string): string {
  const octets = Buffer.from(text).toString("latin1");
  if (/[\x00-\x1f\x7f]/.test(octets)) throw new UsageFault("--greeting must not hold control characters");
  if (/<[^>]*@[^>]*>/.test(octets)) throw new UsageFault("--greeting must not hold an APOP time stamp");
  if (octets.startsWith("[")) throw new UsageFault("--greeting must not begin with a response code");
  if (octets.length > STATUS_LIMIT - "+OK \r\n".length) throw new UsageFault("--greeting is too long");
  return octets;
}

/** `--syslog`, as it is. @throws UsageFault if it is no address of a syslog */
export function syslog(text: string): string {
  return sound(text, parseSyslogAddress);
}

/** `--facility`, as it is. @throws UsageFault if there is none of this name */
export function facility(text: string): string {
  return sound(text, parseFacility);
}

/** The text itself, if it can be understood. */
function sound(text: string, parse: (text: string) => unknown): string {
  try {
    parse(text);
  } catch (thrown) {
    throw new UsageFault((thrown as Error).message);
  }
  return text;
}

/** A program and its arguments; a path is meant from where the command was typed. */
export function program(text: string): string[] {
  const [path = "", ...words] = text.split(/[ \t]+/).filter(Boolean);
  const found = path.includes("/") ? resolve(path) : path;
  if (path === "") throw new UsageFault("-a takes a program");
  if (path.includes("/") && !isProgram(found)) throw new UsageFault(`-a: ${found} can't be run`);
  return [found, ...words];
}

/** Whether this file can be run. */
export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** The full path of a folder. @throws UsageFault if there is none */
export function folder(text: string): string {
  const path = resolve(text);
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw new UsageFault(`-l: ${path} is not a directory`);
  return path;
}

/** Characters that can't be part of a server's name or address. */
export function delimiters(text: string): string {
  if (!/^[!-,/:-@\\^`{-~]+$/.test(text))
    throw new UsageFault(`-c takes characters that no server has in its name, not ${text}`);
  return text;
}

/** Sets the source address of its family. @throws UsageFault if it is no address */
export function source(draft: Draft, text: string): void {
  if (isIPv4(text)) draft.source4 = text;
  else if (isIPv6(text)) draft.source6 = text;
  else throw new UsageFault(`-q takes an IP address, not ${text}`);
}

/** `-s`, as it is. @throws UsageFault if an entry can't be understood */
export function servers(text: string): string {
  return sound(text, parseServers);
}

/** A prefix that makes no variable that somebody else listens to. */
export function prefix(text: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(text) && !/^(?:LD_|NODE_|PATH|BASH|ENV|IFS|PERL|PYTHON)/.test(text)) return text;
  throw new UsageFault(`-v can't take the prefix ${text}`);
}
