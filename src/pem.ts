/** Files with certificates and keys. */

import { readFileSync } from "node:fs";

/** What is in a file. @throws Error in one line, with the file */
export function readPem(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (thrown) {
    throw new Error(`${file}: ${(thrown as Error).message}`);
  }
}
