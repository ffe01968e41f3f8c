/**
 * Transcripts: dialogues in the RFCs' notation, the client's leg at the margin and the server's leg indented.
 *
 *   C: text          what the client says (at the margin), what the gateway says to the server (indented)
 *   S: text          what the gateway says to the client, what the server says (indented)
 *   X: (closes)      this side ends its input (FIN); for the gateway: it must, and nothing else may have come
 *   X: (resets)      a RST
 *   # text           a comment
 *   with {...}       settings of the gateway, as JSON
 *
 * A line ends in CRLF, unless it ends in `\c`; `\0`, `\r`, `\n`, `\t`, `\\` and `\xNN` are octets, `{text*n}` repeats.
 */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Command, parseCommand } from "../../src/protocol/command";
import type { Wishes } from "../stage/gateway";

export type Step = {
  readonly by: "peer" | "gateway";
  /** The step's place, as file:line. */
  readonly where: string;
} & ({ readonly octets: string } | { readonly end: "closes" | "resets" });

export interface Transcript {
  readonly name: string;
  readonly settings: Wishes;
  readonly client: readonly Step[];
  readonly server: readonly Step[];
}

/** The folder of the sources; the tests run from a build elsewhere. */
const FOLDER = join(__dirname, "..", "..", "..", "test", "transcripts");

export function transcripts(): Transcript[] {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith(".txt"));
  return files.sort().map((file) => parse(file.replace(/\.txt$/, ""), readFileSync(join(FOLDER, file), "utf8")));
}

export function parse(name: string, text: string): Transcript {
  const client: Step[] = [];
  const server: Step[] = [];
  let settings: Wishes = {};
  for (const [index, line] of text.split("\n").entries()) {
    if (/^\s*(?:#.*)?$/.test(line)) continue;
    const step = /^(\s*)([CS]):(?: (.*))?$/.exec(line);
    const where = `test/transcripts/${name}.txt:${index + 1}`;
    if (step) (step[1] ? server : client).push(parseStep((step[2] === "C") === !step[1], where, step[3] ?? ""));
    else if (line.startsWith("with ")) settings = JSON.parse(line.slice(5));
    else throw new Error(`${where}: not a line of a transcript: ${line}`);
  }
  return { name, settings, client, server };
}

function parseStep(byPeer: boolean, where: string, text: string): Step {
  const by = byPeer ? "peer" : "gateway";
  const end = /^\((closes|resets)\)$/.exec(text)?.[1];
  if (end) return { by, where, end: end as "closes" | "resets" };
  const octets = unescaped(
    text.replace(/\{([^{}]+)\*(\d+)\}/g, (_, piece: string, count) => piece.repeat(Number(count))),
  );
  return { by, where, octets: octets.endsWith("\\c") ? octets.slice(0, -2) : `${octets}\r\n` };
}

function unescaped(text: string): string {
  const named: Record<string, string> = { "0": "\0", r: "\r", n: "\n", t: "\t", "\\": "\\" };
  const utf8 = Buffer.from(text).toString("latin1");
  return utf8.replace(/\\(?:([0rnt\\])|x([0-9a-f]{2}))/gi, (_, name: string, hex: string) =>
    name ? (named[name] as string) : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** What one side says in all. */
export function said(steps: readonly Step[], by: "peer" | "gateway"): string {
  return steps.map((step) => ("octets" in step && step.by === by ? step.octets : "")).join("");
}

/**
 * The offsets in what the client hears at which no response is under way.
 *
 * @param lf whether the server ends its lines, and so its responses, with a bare LF
 */
export function boundaries(client: readonly Step[], lf = false): Set<number> {
  const offsets = new Set([0]);
  const commands = said(client, "peer").split(/\r?\n/);
  let offset = 0;
  let inside = false;
  let greeted = false;
  for (const line of said(client, "gateway").split(lf ? /(?<=\n)/ : /(?<=\r\n)/)) {
    offset += line.length;
    if (inside) {
      inside = line !== (lf ? ".\n" : ".\r\n");
    } else if (!greeted) {
      greeted = true;
    } else {
      const parsed = parseCommand(commands.shift() ?? "", "TRANSACTION", ["CAPA"]);
      inside = line.startsWith("+OK") && parsed instanceof Command && parsed.multiline;
    }
    if (!inside) offsets.add(offset);
  }
  return offsets;
}
