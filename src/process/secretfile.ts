/** Files of the administrator that hold a secret. */

import type { Stats } from "node:fs";
import { reasonOf } from "../base/faults";
import { readRegular } from "../base/regularfile";

/** The most octets of such a file. */
const BOUND = 64 * 1024;

/**
 * The text of such a file, which others must not be able to read. A group may: the file may be root's, and the group the
 * gateway's.
 *
 * @throws Error in one line, with the file
 */
export function secretText(file: string): string {
  const refuseOpen = ({ mode }: Stats) => {
    if (mode & 0o004) throw new Error("every user can read it: chmod o-r it");
  };
  try {
    return readRegular(file, BOUND, refuseOpen).toString();
  } catch (thrown) {
    throw new Error(`${file}: ${reasonOf(thrown as Error)}`);
  }
}
