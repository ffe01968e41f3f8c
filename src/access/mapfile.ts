/**
 * The file of a user map: it is read in blocks, between which sessions have their turns, and every fault has its line.
 */

import { type FileHandle, open } from "node:fs/promises";
import { reasonOf } from "../base/faults";
import { lowered } from "../base/lowered";
import { quote } from "../base/quote";
import { requireRegular, TO_READ } from "../base/regularfile";
import { serverList } from "../config/places";
import type { ServerAddress } from "../config/settings";
import { UserMap } from "./usermap";

/** So many octets are read at a time: a few milliseconds pass until sessions have their turn. */
const BLOCK = 64 * 1024;

/** The most octets of a map: some two million lines. At a reload the old map and the new one are in memory. */
const BOUND = 64 * 1024 * 1024;

/** What editors on Windows put before a text in UTF-8. */
const MARK = "\xef\xbb\xbf";

/** The most octets of a line. */
const LINE_BOUND = 8192;

/** The most faults that are told. */
const FAULTS = 10;

/**
 * Reads a user map, block by block: sessions have their turns meanwhile, and the file is never in memory as a whole.
 *
 * @throws Error with the file, and a line for each fault with its number
 */
export async function readUserMap(file: string): Promise<UserMap> {
  const map = new UserMap(file);
  const parse = lineParser(map);
  const faults: string[] = [];
  let number = 0;
  const take = (text: string, from: number, to: number) => {
    number++;
    try {
      if (to - from > LINE_BOUND) throw new Error(`it has more than ${LINE_BOUND} octets`);
      parse(text, from, to, number);
    } catch (thrown) {
      faults.push(`line ${number}: ${(thrown as Error).message}`);
    }
  };
  for await (const text of blocksOf(file)) {
    const begin = number === 0 && text.startsWith(MARK) ? MARK.length : 0;
    for (let from = begin; from < text.length && faults.length < FAULTS; ) {
      const found = text.indexOf("\n", from);
      const to = found < 0 ? text.length : found;
      take(text, from, to);
      from = to + 1;
    }
    if (faults.length === FAULTS) break;
  }
  if (faults.length > 0) throw new Error(`${file}: ${faults.join("; ")}`);
  return map;
}

/** The content of a file in blocks of whole lines. @throws Error with the file */
async function* blocksOf(file: string): AsyncGenerator<string> {
  try {
    const handle = await open(file, TO_READ);
    try {
      const before = await handle.stat();
      requireRegular(before, BOUND);
      yield* wholeLines(handle);
      // Who writes into the file may not have written all of it yet.
      const { size, mtimeMs } = await handle.stat();
      if (size !== before.size || mtimeMs !== before.mtimeMs) {
        throw new Error("it was written while it was read: write another file, and give it this name by mv");
      }
    } finally {
      await handle.close();
    }
  } catch (thrown) {
    throw new Error(`${file}: ${reasonOf(thrown as Error)}`);
  }
}

async function* wholeLines(handle: FileHandle): AsyncGenerator<string> {
  const block = Buffer.allocUnsafe(BLOCK);
  /** The octets of a line whose end has not come yet. */
  let kept = 0;
  // So much without a line end is no map: one line with a fault.
  while (kept < BLOCK) {
    const { bytesRead } = await handle.read(block, kept, BLOCK - kept);
    if (bytesRead === 0) break;
    const filled = kept + bytesRead;
    const end = block.lastIndexOf(LF, filled - 1) + 1;
    if (end > 0) yield block.toString("latin1", 0, end);
    block.copyWithin(0, end, filled);
    kept = filled - end;
  }
  if (kept > 0) yield block.toString("latin1", 0, kept);
}

const LF = 10;
const BLANK = 32;
const TAB = 9;
const CR = 13;
const COMMENT = 35;
const PERCENT = 37;
const AT = 64;
const DEL = 127;
const UPPER_A = 65;
const UPPER_Z = 90;

/**
 * A word of a line. What has to be known of it is found in the same pass: a regular expression for each of 200,000 lines
 * takes longer than all the rest.
 */
class MapWord {
  text = "";
  upper = false;
  percent = false;

  /** Reads the word at `from`, up to a blank. @returns its end @throws Error if there is a control character in it */
  read(all: string, from: number, to: number): number {
    this.upper = false;
    this.percent = false;
    let at = from;
    for (; at < to; at++) {
      const octet = all.charCodeAt(at);
      if (octet === BLANK || octet === TAB || octet === CR) break;
      if (octet < BLANK || octet === DEL) throw new Error("there is a control character in it");
      if (octet === PERCENT) this.percent = true;
      if (octet >= UPPER_A && octet <= UPPER_Z) this.upper = true;
    }
    this.text = all.slice(from, at);
    return at;
  }
}

/** The beginning of the next word, or of a comment, or `to`. */
function nextWord(all: string, from: number, to: number): number {
  let at = from;
  for (; at < to; at++) {
    const octet = all.charCodeAt(at);
    if (octet === COMMENT) return to;
    if (octet !== BLANK && octet !== TAB && octet !== CR) return at;
  }
  return to;
}

/** Parses lines, each as a part of the octets of the file. */
function lineParser(map: UserMap): (all: string, from: number, to: number, line: number) => void {
  // Many lines name few servers.
  const known = new Map<string, readonly ServerAddress[]>();
  const templates = new Set<string>();
  const serversOf = (text: string, line: number) => {
    const before = known.get(text);
    if (before) return before;
    // What stands behind the blank would be taken for the login.
    if (/^,|,$/.test(text)) throw new Error("write several servers with commas, and without blanks, between them");
    const servers = serverList.parse(text);
    known.set(text, servers);
    for (const { host } of servers) if (!map.hosts.has(host)) map.hosts.set(host, line);
    return servers;
  };
  const [pattern, server, login] = [new MapWord(), new MapWord(), new MapWord()];
  return (all, from, to, line) => {
    let at = nextWord(all, from, to);
    if (at === to) return;
    at = nextWord(all, pattern.read(all, at, to), to);
    // The map of the access control program user-map has domains in this form.
    if (pattern.text.charCodeAt(0) === AT) throw new Error("no name begins with @: *@example.org is all of a domain");
    if (at === to) throw new Error("give a server behind the name");
    at = nextWord(all, server.read(all, at, to), to);
    const last = at === to;
    if (!last) at = nextWord(all, login.read(all, at, to), to);
    if (at !== to) {
      throw new Error(
        "give PATTERN SERVER [LOGIN]: a blank in a name is written as ?, and several servers have commas",
      );
    }
    const servers = serversOf(server.text, line);
    if (!last && login.percent && !templates.has(login.text)) {
      refuseOddTemplate(login.text);
      templates.add(login.text);
    }
    map.add(pattern.upper ? lowered(pattern.text) : pattern.text, {
      line,
      servers,
      login: last ? undefined : login.text,
    });
  };
}

/** @throws Error if a LOGIN has a percent sign that means nothing */
function refuseOddTemplate(login: string): void {
  const [odd] = login.replace(/%[und%]/g, "").match(/%.?/) ?? [];
  if (odd === undefined) return;
  throw new Error(`${quote(odd)} means nothing: %u is the name, %n and %d are its parts, %% is a percent sign`);
}
