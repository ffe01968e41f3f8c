/**
 * popa3d, only unpacked: answers a bare "+OK", knows no CAPA, and counts LAST. Its maildrop is an mbox.
 * The two folders that are compiled into it, /var/mail and /var/lib/popa3d (for chroot), become folders below the one
 * it is started in: in a copy of the program, by strings of the same length.
 */

import { chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { startInetd, wrappers } from "./inetd";
import { mbox, unboxed } from "./mails";
import { unpacked } from "./programs";
import { folder, put, scratch } from "./scratch";
import { type RealServer, user } from "./server";

const original = "popa3d/usr/sbin/popa3d";

/** What install.sh has to have unpacked for popa3d. */
export const popa3dParts: readonly string[] = [original, ...wrappers];

/** Starts popa3d with these mails, in this order, in joe's maildrop. */
export async function startPopa3d(t: TestContext, mails: readonly Buffer[]): Promise<RealServer> {
  const home = scratch(t);
  const file = join(home, "server");
  const code = readFileSync(unpacked(original), "latin1");
  const moved = code.replace("/var/mail\0", "././/mail\0").replace("/var/lib/popa3d\0", "././././/popa3d\0");
  put(file, Buffer.from(moved, "latin1"));
  chmodSync(file, 0o700);
  folder(join(home, "popa3d"));
  put(join(home, "mail", user), mbox(mails));
  const port = await startInetd(t, home, { file, argv: [], service: "popa3d", account: "popa3d" });
  return { port, stored: () => unboxed(readFileSync(join(home, "mail", user))) };
}
