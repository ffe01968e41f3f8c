/** One table of a file in TOML: its values, parsed, and the faults with their places. */

import type { TextPlace, TomlEntry } from "./toml";

/** The entries of one table. */
export class Table {
  readonly #entries = new Map<string, TomlEntry>();

  constructor(
    readonly at: TextPlace,
    private readonly fault: (at: TextPlace, reason: string) => void,
  ) {}

  add(key: string, entry: TomlEntry): void {
    this.#entries.set(key, entry);
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  /** A text that `parse` takes. @returns undefined: it is not there, or a fault has been told */
  value<Value>(key: string, parse: (text: string) => Value): Value | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    const { value, at } = entry;
    if (typeof value !== "string") {
      this.fault(at, `${key}: give a text in quotes`);
      return undefined;
    }
    try {
      return parse(value);
    } catch (thrown) {
      this.fault(at, `${key}: ${(thrown as Error).message}`);
      return undefined;
    }
  }

  /** As `value`, of a key that must be there. */
  needed<Value>(key: string, parse: (text: string) => Value): Value | undefined {
    if (!this.#entries.has(key)) this.fault(this.at, `${key} is missing`);
    return this.value(key, parse);
  }

  /** A text, or an array of texts. */
  texts(key: string): readonly string[] | undefined {
    const entry = this.#entries.get(key);
    if (!entry) {
      this.fault(this.at, `${key} is missing`);
      return undefined;
    }
    const list = Array.isArray(entry.value) ? entry.value : [entry.value];
    if (list.length > 0 && list.every((one) => typeof one === "string" && one !== "")) return list;
    this.fault(entry.at, `${key}: give a text in quotes, or an array of such`);
    return undefined;
  }

  /** Tells a fault at a key, or at the table if the key is not there. */
  refuse(key: string, reason: string): void {
    this.fault(this.#entries.get(key)?.key ?? this.at, reason);
  }
}
