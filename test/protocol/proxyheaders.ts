/** The PROXY headers of proxy-headers.txt, most of them captured from real senders, with what each means. */

import { readFileSync } from "node:fs";
import { join } from "node:path";

/** One header, with what came behind it. */
export interface KnownHeader {
  readonly name: string;
  /** Without the octets behind it: `CLIENT from to fact=value ...`, `LOCAL`, or `BAD`. */
  readonly meaning: string;
  readonly octets: Buffer;
  /** How many octets behind the header belong to the client. */
  readonly rest: number;
}

/** Beside the sources: the tests run from a build elsewhere. */
const FILE = join(__dirname, "..", "..", "..", "test", "protocol", "proxy-headers.txt");

export const HEADERS: readonly KnownHeader[] = readFileSync(FILE, "latin1")
  .split(/^## /m)
  .slice(1)
  .map((text) => {
    const [title = "", line = "", ...hex] = text.trimEnd().split("\n");
    const [meaning = "", rest = "0"] = line.split(" + ");
    return {
      name: title.split(":", 1)[0] as string,
      meaning,
      octets: Buffer.from(hex.join(""), "hex"),
      rest: Number(rest),
    };
  });

/** A header by its name. */
export function known(name: string): Buffer {
  const found = HEADERS.find((header) => header.name === name);
  if (!found) throw new Error(`no header ${name}`);
  return found.octets;
}
