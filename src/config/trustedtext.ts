/** The text of files of the administrator: those that nobody else can write, and those that not all may read. */

import type { Stats } from "node:fs";
import { reasonOf } from "../base/faults";
import { readRegular } from "../base/regularfile";

/** Exit statuses of sysexits.h: EX_NOINPUT, EX_NOPERM, EX_CONFIG. */
const MISSING = 66;
const UNTRUSTED = 77;
export const FAULTY = 78;

/** The most octets of a file. */
const BOUND = 1024 * 1024;

/** Faults of a configuration file; the message has a line for each. */
export class ConfigFault extends Error {
  constructor(
    lines: readonly string[],
    /** The exit status. */
    readonly status: number,
  ) {
    super(lines.join("\n"));
  }
}

/** A text of the administrator. */
interface TrustedText {
  readonly text: string;
  /** Whether others can't read it. */
  readonly secret: boolean;
}

/**
 * Reads a file.
 *
 * @param file a full path
 * @param byRoot whether root has started the gateway: then the file must be root's
 * @throws ConfigFault
 */
export function trustedText(file: string, byRoot: boolean): TrustedText {
  let octets: Buffer;
  let secret = false;
  try {
    octets = readRegular(file, BOUND, (stats) => {
      refuseUntrusted(file, stats, byRoot);
      secret = (stats.mode & 0o004) === 0;
    });
  } catch (thrown) {
    if (thrown instanceof ConfigFault) throw thrown;
    throw new ConfigFault([`${file}: ${reasonOf(thrown as Error)}`], MISSING);
  }
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(octets), secret };
  } catch {
    const line = octets.subarray(0, firstForeign(octets)).toString("latin1").split("\n").length;
    throw new ConfigFault([`${file}:${line}:1: this line is not UTF-8: save the file as UTF-8`], FAULTY);
  }
}

/** Where the first octet is that is no UTF-8. */
function firstForeign(octets: Buffer): number {
  let [low, high] = [0, octets.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (begins(octets.subarray(0, middle + 1))) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Whether a text in UTF-8 may begin so: its last character may be cut off. */
function begins(part: Buffer): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(part, { stream: true });
    return true;
  } catch {
    return false;
  }
}

/** Whoever can write the file can run programs as the gateway. @throws ConfigFault */
function refuseUntrusted(file: string, stats: Stats, byRoot: boolean): void {
  const fault = (reason: string) => new ConfigFault([`${file}: ${reason}`], UNTRUSTED);
  if (stats.mode & 0o002) throw fault("every user can write it: chmod o-w it");
  if (!byRoot) return;
  if (stats.uid !== 0) throw fault("root starts the gateway, and another user owns the file: chown it to root");
  if (stats.mode & 0o020 && stats.gid !== 0) throw fault("a group can write it: chmod g-w it");
}
