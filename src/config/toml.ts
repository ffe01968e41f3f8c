/**
 * A file in TOML as a list of values with their places. smol-toml reads each statement by itself, so that a faulty one
 * leaves the others to be read, and all faults are known at once. What it quotes of the file is never shown: a faulty
 * line may hold a secret.
 */

/// <reference path="./smol-toml.d.ts" />

import { parse, TomlError } from "smol-toml";
import { quote } from "../base/quote";
import { type Extent, statements } from "./tomlstatements";

/** A place in a file; both numbers count from 1. */
export interface TextPlace {
  readonly line: number;
  readonly column: number;
}

/** A fault at a place. */
export interface PlacedFault extends TextPlace {
  readonly reason: string;
}

/** A line for each fault of a file, in their order there. */
export function placedLines(file: string, faults: readonly PlacedFault[]): string[] {
  const inOrder = [...faults].sort((one, other) => one.line - other.line || one.column - other.column);
  return inOrder.map(({ line, column, reason }) => `${file}:${line}:${column}: ${reason}`);
}

/** A value of a file: a text, a number, true or false, a date, or an array of them. */
export interface TomlEntry {
  /** The names of the tables that it is in, and its key. */
  readonly path: readonly string[];
  readonly value: unknown;
  readonly key: TextPlace;
  readonly at: TextPlace;
  /** The places of the elements, if the value is an array. */
  readonly elements: readonly TextPlace[];
}

/** A `[table]` of a file, or one of several `[[table]]`. */
interface TomlTable {
  /** Whether it is one of several. */
  readonly several: boolean;
  readonly path: readonly string[];
  readonly at: TextPlace;
}

/** What a file has in it. */
interface TomlDocument {
  readonly entries: readonly TomlEntry[];
  readonly tables: readonly TomlTable[];
  readonly faults: readonly PlacedFault[];
}

/** The most faults that are told. What stands behind them is not read: a reload must not take long. */
export const MOST_FAULTS = 100;

/** The most names of a path that are told apart. */
const DEEPEST = 8;

/**
 * Reads a document. Never throws.
 *
 * @param lists the names of tables that a file may have several of, as `[[name]]`. In the path of an entry of such a
 * table its number stands behind its name: 0, 1, ...
 */
export function readToml(text: string, lists: readonly string[] = []): TomlDocument {
  const document = new Reading(text, lists);
  for (const extent of statements(text)) {
    if (document.faults.length >= MOST_FAULTS) break;
    document.read(extent);
  }
  document.readWhole();
  return document;
}

class Reading implements TomlDocument {
  readonly entries: TomlEntry[] = [];
  readonly tables: TomlTable[] = [];
  readonly faults: PlacedFault[] = [];
  /** The offsets at which lines begin. */
  readonly #lines: number[] = [0];
  readonly #text: string;
  /** The table that the next keys are in. */
  #within: readonly string[] = [];
  /** What has been given so far, and where. */
  readonly #given = new Map<string, TextPlace>();

  /** The tables that may be there several times, and how many of each there are. */
  readonly #lists: ReadonlyMap<string, { count: number }>;

  constructor(text: string, lists: readonly string[]) {
    this.#text = text;
    this.#lists = new Map(lists.map((name) => [name, { count: 0 }]));
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) this.#lines.push(at + 1);
  }

  read({ kind, from, to, value, elements }: Extent): void {
    const at = this.#placeOf(from);
    const own = this.#text.slice(from, to);
    if (kind === "array") {
      this.#enterList(own, at);
      return;
    }
    let read: Record<string, unknown>;
    try {
      read = parse(own);
    } catch (thrown) {
      if (kind === "table") this.#within = ["?"];
      if (!(thrown instanceof TomlError)) throw thrown;
      const { line, column } = thrown;
      const place = { line: at.line + line - 1, column: line === 1 ? at.column + column - 1 : column };
      this.#fault(place, faultWords(thrown.message, own, thrown));
      return;
    }
    if (kind === "table") {
      const [leaf] = leaves(read);
      this.#within = leaf?.path ?? [];
      if (this.#isNew(this.#within, at)) this.tables.push({ several: false, path: this.#within, at });
      return;
    }
    if (this.#within[0] === "?") return; // its table's fault has been told
    for (const leaf of leaves(read)) {
      const path = [...this.#within, ...leaf.path];
      if (!this.#isNew(path, at)) continue;
      const places = elements.map((offset) => this.#placeOf(offset));
      this.entries.push({ path, value: leaf.value, key: at, at: this.#placeOf(value), elements: places });
    }
  }

  /** @param header `[[name]]`, as it stands there */
  #enterList(header: string, at: TextPlace): void {
    const [, name = ""] = /^\[\[\s*([\w-]+)\s*\]\]\s*(?:#.*)?$/.exec(header) ?? [];
    const list = this.#lists.get(name);
    this.#within = list ? [name, String(list.count++)] : ["?"];
    if (list) this.tables.push({ several: true, path: this.#within, at });
    else if (this.#lists.size === 0) {
      this.#fault(at, "a table has one pair of brackets, and a name of its own: [service.NAME]");
    } else this.#fault(at, `give ${[...this.#lists.keys()].map((one) => `[[${one}]]`).join(" or ")} here`);
  }

  /** What is wrong with statements that are right by themselves, such as a table inside a value. */
  readWhole(): void {
    if (this.faults.length > 0) return;
    try {
      parse(this.#text);
    } catch (thrown) {
      if (!(thrown instanceof TomlError)) throw thrown;
      this.#fault(thrown, faultWords(thrown.message, "", thrown));
    }
  }

  #isNew(path: readonly string[], at: TextPlace): boolean {
    const name = JSON.stringify(path);
    const first = this.#given.get(name);
    if (first) this.#fault(at, `${quote(path.at(-1) ?? "")} is in line ${first.line} already: give it once`);
    else this.#given.set(name, at);
    return !first;
  }

  #fault({ line, column }: TextPlace, reason: string): void {
    this.faults.push({ line, column, reason });
  }

  #placeOf(offset: number): TextPlace {
    let [low, high] = [0, this.#lines.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#lines[middle] as number) <= offset) low = middle;
      else high = middle;
    }
    return { line: low + 1, column: offset - (this.#lines[low] as number) + 1 };
  }
}

interface Leaf {
  readonly path: readonly string[];
  readonly value: unknown;
}

/** The values in nested tables; an empty table is a value, and so is one that is nested too deep. */
function leaves(table: object, depth = 1): Leaf[] {
  return Object.entries(table).flatMap(([key, value]) => {
    const inner = isTable(value) && Object.keys(value).length > 0 && depth < DEEPEST;
    const nested = inner ? leaves(value, depth + 1) : [{ path: [], value }];
    return nested.map((leaf) => ({ path: [key, ...leaf.path], value: leaf.value }));
  });
}

/** Whether a value is a table, which no option takes. */
export function isTable(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** smol-toml's messages, and what to do. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/unfinished string/, "a quote is missing at the end of this text"],
  [/unfinished (?:array|table)|expected comma or end/, "a comma or a closing bracket is missing here"],
  [/leading zero/, "a number has no zero in front"],
  [/numeric|number|underscore|losslessly/, "this is no number: digits alone, and a text needs quotes"],
  [/escape/, "a backslash begins an escape here: write \\\\ for one, or put the text into '...'"],
  [/control characters/, "a control character is not permitted here"],
  [/followed by an end-of-line/, "this belongs to another line, or a text has a quote too many"],
  [
    /in key|end of key|bare key|quoted key/,
    'give key = value: a key is the long name of an option, such as server-tls = "tls"',
  ],
  [/redefin/, "this name is a value and a table at once: give it once"],
  [/nested/, "this is nested too deep: an option takes a value or an array of values"],
  [/date/, "an option takes no date: a text needs quotes"],
];

/** What is wrong with a statement, in words, without any of its text. */
function faultWords(message: string, statement: string, { line, column }: TextPlace): string {
  const [said = ""] = message.split("\n", 1);
  if (/^\[/.test(statement) && /key|end-of-line/.test(said)) return "a table is a line of its own: [service.NAME]";
  if (/invalid value/.test(said)) return valueWords(statement.split("\n")[line - 1]?.slice(column - 1) ?? "");
  return WORDS.find(([what]) => what.test(said))?.[1] ?? "this is not TOML";
}

/** What to write instead of a value that is none. */
function valueWords(value: string): string {
  if (/^(?:yes|no|on|off|true|false)\b/i.test(value)) return "write true or false";
  if (value.trim() === "" || value.startsWith("#")) return "a value is missing here";
  return "this is no value: a text needs quotes";
}
