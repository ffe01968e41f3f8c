/** Whether a file can be run as a program, by the user of this process. */

import { accessSync, constants, statSync } from "node:fs";
import { reasonOf, type SystemFault } from "./faults";

/** Why a file can't be run, in words; null: it can. */
export function whyNotRun(file: string): string | null {
  try {
    const stat = statSync(file);
    if (!stat.isFile()) return stat.isDirectory() ? "it is a directory" : "it is not a file";
    if ((stat.mode & 0o111) === 0) return "it is not executable: chmod +x it";
    accessSync(file, constants.X_OK);
    return null;
  } catch (thrown) {
    return reasonOf(thrown as SystemFault);
  }
}
