/** What is wrong with the tables, keys and values of a configuration file, in words. */

import { longName, type OptionRow } from "./optionrows";
import { OPTIONS, SERVER } from "./optiontable";
import { nearest } from "./optionwords";

/** The options by their keys in a file. */
export const ROWS: ReadonlyMap<string, OptionRow> = new Map(
  [SERVER, ...OPTIONS].map((row) => [longName(row), row] as const),
);

/** The keys that a file may have. */
const KEYS = [...ROWS].filter(([, { scope }]) => scope !== "command").map(([name]) => name);

/** Why a table is none of a service; null: it is one. */
export function faultOfTable([table = "", name = "", ...nested]: readonly string[]): string | null {
  if (table !== "service") {
    const meant = nearest(table, ["service"]);
    return `there is no such table${meant ? ": did you mean [service.NAME]?" : "; a service is [service.NAME]"}`;
  }
  if (name === "") return "a service has a name: [service.NAME]";
  if (nested.length > 0) return "there are no tables inside a service";
  if (/^[A-Za-z0-9-]{1,32}$/.test(name) && !/^(?:none|starttls|tls)$/.test(name)) return null;
  return "a service's name has letters, digits and -, at most 32, and is no TLS mode";
}

/** Why a known key can't stand there; null: it can. */
export function misplaced(name: string, { scope }: OptionRow, service: string | null): string | null {
  if (scope === "command") {
    const instead = name === "daemon" ? ": a service with listen makes a daemon" : "";
    return `${name} is for the command line alone${instead}`;
  }
  if (scope === "process" && service !== null) return `${name} is for the whole process: put it above the first table`;
  if (name === "listen" && service === null) return "listen belongs to a service: put it into its [service.NAME]";
  return null;
}

/** What is meant by a key that is none. */
export function unknown(name: string, service: string | null): string {
  if (name === "service") return "a service is a table: [service.NAME]";
  const meant = nearest(name, service === null ? [...KEYS, "service"] : KEYS);
  return `there is no such option${meant ? `: did you mean ${meant}?` : "; pop3.proxy --help lists them"}`;
}

/** What a kind of value says, without a text that it quotes: the place in the file is enough. */
export function withoutValue(message: string): string {
  return message
    .replace(/^(?:"(?:[^"\\]|\\.)*"|\S+) is not a server/, "this is not a server")
    .replace(/^not a server: .*?( \(write.*)?$/, "this is not a server: give host[:port]$1")
    .replace(/^.*?(?=port 995 always means TLS)/, "");
}
