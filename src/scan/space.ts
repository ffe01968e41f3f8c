/** Space on a disk that others use, too: the gateway's own files, and those of other programs. */

import { statfs } from "node:fs/promises";

/** So much stays free, in octets. */
export const RESERVE = 16 * 1024 * 1024;

/** @param least how much must be free, in octets @throws the system's error: ENOSPC if less is */
export async function requireSpace(folder: string, least: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize < least) throw Object.assign(new Error("no space"), { code: "ENOSPC" });
}
