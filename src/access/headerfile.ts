/** The file of --auth-http-header-file: headers, one a line, as `name: value`. */

import { httpHeader } from "../config/authhttp";
import type { HttpHeader } from "../config/settings";
import { secretText } from "../config/trustedtext";

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
