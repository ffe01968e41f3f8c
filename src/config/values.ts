/**
 * The kinds of values that options take: how one is read, and how it is shown. A value that can't be read is an Error
 * that says what to give instead; the command line puts the option's name and the value before it.
 */

import { statSync } from "node:fs";
import { resolve } from "node:path";
import { isAddress, parseHost, showHostPort } from "../base/address";
import { type Cidr, parseCidr, showCidr } from "../base/cidr";
import { whyNotRun } from "../base/programfile";
import { quote } from "../base/quote";
import { MECHANISMS, type Mechanism } from "../protocol/credentials";
import { hasControl } from "../protocol/octets";
import { STATUS_LIMIT } from "../protocol/response";
import { parseServers, type ServerEntry } from "./servers";
import type { LogFormat, Oversize, TlsVersion } from "./settings";
import { facilities, parseFacility, parseSyslogAddress, type SyslogTarget } from "./syslog";

/** What a value may be, for a shell that completes it: one of these words, or a file, a folder or a user of the system. */
export type Choices = readonly string[] | "file" | "folder" | "user";

/** A kind of value of options. */
export interface Kind<Value> {
  /** Absent: only the user knows. With `literal` "list" a value may have several. */
  readonly choices?: Choices;
  /** What it is in a configuration file; absent: a text. A list is an array of texts, or one text with commas. */
  readonly literal?: "integer" | "list";
  /** @param folder where relative paths begin; absent: the current one @throws Error that says what to give instead */
  parse(text: string, folder?: string): Value;
  /** The value as it is written on the command line. */
  show(value: Value): string;
}

/** All versions of TLS that may be the lowest one. */
export const TLS_VERSIONS: readonly TlsVersion[] = ["1.0", "1.1", "1.2", "1.3"];

/** All formats of the log. */
export const LOG_FORMATS: readonly LogFormat[] = ["text", "json"];

/** The greatest number that an option takes, of seconds, too. */
const MOST = 1_000_000;

/** A whole number from 1. */
export const number: Kind<number> = {
  literal: "integer",
  parse(text) {
    const parsed = /^[0-9]{1,7}$/.test(text) ? Number(text) : 0;
    if (parsed < 1 || parsed > MOST) throw new Error(`give a whole number from 1 to ${MOST}`);
    return parsed;
  },
  show: String,
};

/** Seconds, whole ones; the value is in milliseconds. */
export const seconds: Kind<number> = {
  literal: "integer",
  parse: (text) => number.parse(text) * 1000,
  show: (value) => String(value / 1000),
};

/** A text that is taken as it is. */
export const text: Kind<string> = { parse: (given) => given, show: (value) => value };

/** A text as the octets that a client would send. */
export const octets: Kind<string> = {
  parse(given) {
    const sent = Buffer.from(given).toString("latin1");
    if (hasControl(sent)) throw new Error("give a text without control characters");
    return sent;
  },
  show: (value) => Buffer.from(value, "latin1").toString(),
};

/** The name of a user, or `uid[:gid]`; only the system knows whether there is one. */
export const user: Kind<string> = { ...text, choices: "user" };

/** A path; a relative one is meant from where the command was typed, or from the folder of the configuration file. */
export const path: Kind<string> = {
  ...text,
  choices: "file",
  parse(given, folder = "") {
    if (given === "") throw new Error("give the name of a file");
    return resolve(folder, given);
  },
};

/** A folder that exists. */
export const folder: Kind<string> = {
  ...text,
  choices: "folder",
  parse(given, from = "") {
    const full = resolve(from, given);
    if (!statSync(full, { throwIfNoEntry: false })?.isDirectory()) throw new Error(`${quote(full)} is not a directory`);
    return full;
  },
};

/** An IP address. */
export const address: Kind<string> = {
  ...text,
  parse(given) {
    if (!isAddress(given)) throw new Error("give an IP address");
    return parseHost(given) as string;
  },
};

/** Comma-separated networks and addresses; empty entries are skipped. */
export const networks: Kind<readonly Cidr[]> = {
  literal: "list",
  parse(given) {
    const entries = given.split(",").map((entry) => entry.trim());
    const blocks = entries.filter(Boolean).map(parseCidr);
    if (blocks.length === 0 || blocks.includes(null)) {
      throw new Error("give addresses, or networks as address/length, with commas between");
    }
    return blocks as readonly Cidr[];
  },
  show: (blocks) => blocks.map(showCidr).join(","),
};

/** A version of the PROXY protocol. */
export const proxyVersion: Kind<1 | 2> = {
  literal: "integer",
  choices: ["1", "2"],
  parse(given) {
    if (given !== "1" && given !== "2") throw new Error("give 1 or 2");
    return given === "1" ? 1 : 2;
  },
  show: String,
};

/** All that can become of a mail over clamd's limit. */
export const OVERSIZE: readonly Oversize[] = ["refuse", "notify"];

/** Comma-separated mechanisms of AUTH, in any case; empty entries are skipped. */
export const mechanisms: Kind<readonly Mechanism[]> = {
  literal: "list",
  choices: MECHANISMS,
  parse(given) {
    const names = given.split(",").map((name) => name.trim().toUpperCase());
    const known = MECHANISMS.filter((mechanism) => names.includes(mechanism));
    if (known.length === 0 || !names.every((name) => name === "" || known.includes(name as Mechanism))) {
      throw new Error(`give one or more of ${MECHANISMS.join(", ")}, with commas between`);
    }
    return known;
  },
  show: (list) => list.join(","),
};

/** SHA-256 as hex, from hex or base64. */
export const pin: Kind<string> = {
  ...text,
  parse(given) {
    if (/^[0-9a-f]{64}$/i.test(given)) return given.toLowerCase();
    if (/^[A-Za-z0-9+/]{43}=?$/.test(given)) return Buffer.from(given, "base64").toString("hex");
    throw new Error("give a SHA-256 in hex or base64");
  },
};

/** One of these words. */
export function oneOf<Choice extends string>(choices: readonly Choice[]): Kind<Choice> {
  return {
    choices,
    parse(given) {
      const choice = choices.find((one) => one === given);
      if (choice === undefined) throw new Error(`give one of ${choices.join(", ")}`);
      return choice;
    },
    show: (value) => value,
  };
}

/** The greeting as octets. A time stamp in it would invite APOP, which is not permitted (RFC 1939, 7). */
export const greeting: Kind<string> = {
  ...octets,
  parse(given) {
    const sent = octets.parse(given);
    if (/<[^>]*@[^>]*>/.test(sent)) throw new Error("give a text without an APOP time stamp");
    if (sent.startsWith("[")) throw new Error("give a text that does not begin with a response code");
    const most = STATUS_LIMIT - "+OK \r\n".length;
    if (sent.length > most) throw new Error(`give a text of at most ${most} octets`);
    return sent;
  },
};

/** `udp://host[:port]` or `tcp://host[:port]`. */
export const syslog: Kind<SyslogTarget> = {
  parse: parseSyslogAddress,
  show: ({ transport, host, port }) => `${transport}://${showHostPort(host, port)}`,
};

/** The number of a syslog facility, by its name. */
export const facility: Kind<number> = {
  choices: [...facilities.keys()],
  parse: parseFacility,
  show: (value) => [...facilities].find(([, of]) => of === value)?.[0] ?? String(value),
};

/** A program and its arguments; a relative path is meant as that of a file. */
export const program: Kind<readonly string[]> = {
  choices: "file",
  parse(given, folder = "") {
    const [first = "", ...words] = given.split(/[ \t]+/).filter(Boolean);
    if (first === "") throw new Error("give a program");
    const found = first.includes("/") ? resolve(folder, first) : first;
    const why = first.includes("/") ? whyNotRun(found) : null;
    if (why !== null) throw new Error(`${quote(found)} is not a program that can be run: ${why}`);
    return [found, ...words];
  },
  show: (value) => value.join(" "),
};

/** Characters that can't be part of a server's name or address. */
export const delimiters: Kind<string> = {
  ...text,
  parse(given) {
    if (!/^[!-,/:-@\\^`{-~]+$/.test(given))
      throw new Error("give characters that no server has in its name, such as @");
    return given;
  },
};

/** The servers that may be selected. */
export const servers: Kind<readonly ServerEntry[]> = {
  literal: "list",
  parse: parseServers,
  show: (entries) => entries.map(showEntry).join(","),
};

/** An entry as it is written in the list. */
export function showEntry({ pattern, port, tls }: ServerEntry): string {
  return `${pattern}${port === null ? "" : `:${port}`}${tls === undefined ? "" : `/${tls}`}`;
}

/** A prefix of environment variables that makes no variable which another program obeys. */
export const prefix: Kind<string> = {
  ...text,
  parse(given) {
    const foreign = /^(?:LD_|NODE_|PATH|BASH|ENV|IFS|PERL|PYTHON)/.test(given);
    if (foreign) throw new Error("give a prefix of your own: other programs obey variables that begin so");
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(given)) throw new Error("give letters, digits and _, not a digit first");
    return given;
  },
};
