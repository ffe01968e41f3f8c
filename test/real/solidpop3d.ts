/**
 * solid-pop3d, only unpacked: knows no CAPA; has LAST, but always answers 0. Its maildrop is an mbox,
 * whose separating blank lines it would count as mail.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { startInetd, wrappers } from "./inetd";
import { mbox, unboxed } from "./mails";
import { unpacked } from "./programs";
import { put, scratch } from "./scratch";
import type { RealServer } from "./server";

const file = "solid-pop3d/usr/sbin/solid-pop3d";

/** What install.sh has to have unpacked for solid-pop3d. */
export const solidParts: readonly string[] = [file, ...wrappers];

/** Starts solid-pop3d with these mails, in this order, in joe's maildrop. */
export async function startSolid(t: TestContext, mails: readonly Buffer[]): Promise<RealServer> {
  const home = scratch(t);
  const maildrop = join(home, "mbox");
  const options = ["AllowAPOP no", "AddBulletins no", "UserOverride no", `MailDropName "${maildrop}"`];
  put(join(home, "conf"), ["<Global>", ...options, "MailDropType mailbox", "</Global>", ""].join("\n"));
  put(maildrop, mbox(mails, ""));
  const argv = ["-f", join(home, "conf")];
  const port = await startInetd(t, home, { file: unpacked(file), argv, service: "solid-pop3d", account: "spop3d" });
  return { port, stored: () => unboxed(readFileSync(maildrop), "") };
}
