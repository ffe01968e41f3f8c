/**
 * Files that the settings name. What is none, such as a named pipe or /dev/zero, would keep the gateway waiting or reading
 * for ever, and all sessions with it.
 */

import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from "node:fs";

/** How such a file is opened: to open a named pipe does not block. */
export const TO_READ = constants.O_RDONLY | constants.O_NONBLOCK;

/**
 * The content of a file.
 *
 * @param bound the most octets
 * @param judge throws if the file must not be used
 * @throws the system's error, that of `judge`, or Error if it is no file or has too many octets, without its name
 */
export function readRegular(file: string, bound: number, judge: (stats: Stats) => void = () => {}): Buffer {
  const fd = openSync(file, TO_READ);
  try {
    const stats = fstatSync(fd);
    requireRegular(stats, bound);
    judge(stats);
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** @throws Error if it is no file, or has too many octets */
export function requireRegular(stats: Stats, bound: number): void {
  if (stats.isDirectory()) throw new Error("it is a directory");
  if (!stats.isFile()) throw new Error("it is not a file");
  if (stats.size > bound) throw new Error(`it has more than ${bound} octets`);
}
