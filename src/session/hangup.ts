/**
 * A client that says all it has to say and leaves at once: what counts of it. Some clients send QUIT without a line end.
 */

import type { Connection } from "../connection/connection";

/** Whether there is a QUIT among command lines that are still to be read. */
export function hasQuit(lines: string): boolean {
  return /^quit *\r?$/im.test(lines);
}

/**
 * Takes "QUIT" if a client's input has ended in that word without a line end; null for any other fragment, which never
 * runs.
 */
export function lastWord(client: Connection): string | null {
  return /^quit$/i.test(client.input.ahead) ? client.input.lastLine() : null;
}
