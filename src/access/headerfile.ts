/** The file of --auth-http-header-file: headers, one a line, as `name: value`. */

import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { inWords } from "../base/faults";
import { httpHeader } from "../config/authhttp";
import type { HttpHeader } from "../config/settings";

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
  let fd: number;
  try {
    fd = openSync(file, "r");
  } catch (thrown) {
    throw new Error(inWords(thrown as Error));
  }
  try {
    if (fstatSync(fd).mode & 0o004) throw new Error(`${file}: every user can read it: chmod o-r it`);
    return readFileSync(fd, "utf8");
  } finally {
    closeSync(fd);
  }
}
