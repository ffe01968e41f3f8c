/**
 * The user map of --map: which server a user belongs to, and the user's name there (the manual's section "User Map").
 * Names without wildcards are looked up, and so cost no time; patterns are tried in the order of the file.
 */

import { lowered } from "../base/lowered";
import { quote } from "../base/quote";
import type { ServerAddress } from "../config/settings";
import { Patterns } from "./patterns";

/** Where the user of a line belongs. */
export interface MapLine {
  /** The number of the line, from 1. */
  readonly line: number;
  readonly servers: readonly ServerAddress[];
  /** The user's name at the server, with `%u`, `%n`, `%d` and `%%`; undefined: the name that was given. */
  readonly login: string | undefined;
}

/** A user map as it was read. */
export class UserMap {
  readonly #names = new Map<string, MapLine>();
  readonly #patterns = new Patterns<MapLine>();
  /** Of each pattern, its line. */
  readonly #known = new Map<string, number>();
  /** The line in which each host is named first. */
  readonly hosts = new Map<string, number>();

  constructor(readonly file: string) {}

  /** How many lines name a user or a pattern. */
  get size(): number {
    return this.#names.size + this.#patterns.size;
  }

  /** The line that decides where a user belongs; undefined: none does. @param name as the client has given it, latin1 */
  find(name: string): MapLine | undefined {
    const key = lowered(name);
    return this.#names.get(key) ?? this.#patterns.first(key);
  }

  /** Adds a line. @param key its pattern, in lower case @throws Error if that was there before */
  add(key: string, line: MapLine): void {
    const wild = key.includes("*") || key.includes("?");
    const before = wild ? this.#known.get(key) : this.#names.get(key)?.line;
    if (before !== undefined) throw new Error(`${quote(key)} is in line ${before} already: give it once`);
    if (!wild) {
      this.#names.set(key, line);
      return;
    }
    this.#known.set(key, line.line);
    this.#patterns.add(key, line);
  }
}

/**
 * The user's name at the server.
 *
 * @param template the LOGIN of a line
 * @param name as the client has given it
 * @param delimiters of which the last one in the name separates its parts
 */
export function loginAt(template: string, name: string, delimiters: string): string {
  let at = name.length - 1;
  while (at >= 0 && !delimiters.includes(name[at] as string)) at--;
  const [before, behind] = at < 0 ? [name, ""] : [name.slice(0, at), name.slice(at + 1)];
  const parts: Record<string, string> = { u: name, n: before, d: behind, "%": "%" };
  return template.replace(/%(.)/g, (_, letter: string) => parts[letter] ?? "");
}
