/** Files of the administrator that hold a secret. */

import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { inWords } from "../base/faults";

/**
 * The text of such a file, which others must not be able to read. A group may: the file may be root's, and the group the
 * gateway's.
 *
 * @throws Error in one line, with the file
 */
export function secretText(file: string): string {
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
