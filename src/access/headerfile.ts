/** The file of --auth-http-header-file: headers, one a line, as `name: value`. */

import type { Stats } from "node:fs";
import { reasonOf } from "../base/faults";
import { readRegular } from "../base/regularfile";
import { httpHeader } from "../config/authhttp";
import type { HttpHeader } from "../config/settings";

/** The most octets of such a file. */
const BOUND = 64 * 1024;

/**
 * Reads such a file; empty lines are skipped. It has secrets, so others must not be able to read it.
 *
 * @throws Error in one line, with the file, which quotes no value
 */
export function readHeaders(file: string): readonly HttpHeader[] {
  return secretText(file)
    .split(/\r?\n/)
    .flatMap((line, index) => {
      if (line.trim() === "") return [];
      try {
        return [httpHeader.parse(line)];
      } catch (thrown) {
        throw new Error(`${file}:${index + 1}: ${(thrown as Error).message}`);
      }
    });
}

function secretText(file: string): string {
  const refuseOpen = ({ mode }: Stats) => {
    if (mode & 0o004) throw new Error("every user can read it: chmod o-r it");
  };
  try {
    return readRegular(file, BOUND, refuseOpen).toString();
  } catch (thrown) {
    throw new Error(`${file}: ${reasonOf(thrown as Error)}`);
  }
}
