/** mpop, which writes mails with LF into a Maildir, and remembers the UIDLs of those that it leaves on the server. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { program, run } from "./programs";
import { folder, put } from "./scratch";
import { password, user } from "./server";

/** How it logs in; default: with USER and PASS, in clear. */
export interface MpopLogin {
  /** What `auth` says. */
  readonly auth?: string;
  /** The authority of the gateway: it uses STLS, and trusts this alone. */
  readonly ca?: string;
  /** The password, or the token. */
  readonly secret?: string;
}

/**
 * Runs mpop; the mails that it has delivered this time.
 *
 * @param home where it remembers what it has seen
 */
export async function mpop(
  home: string,
  port: number,
  keep: "on" | "off",
  { auth = "user", ca, secret = password }: MpopLogin = {},
): Promise<Buffer[]> {
  const inbox = join(home, `inbox${readdirSync(home).length}`);
  for (const part of ["new", "cur", "tmp"]) folder(join(inbox, part));
  put(
    join(home, "rc"),
    `account default
host ${ca === undefined ? "127.0.0.1" : "localhost"}
port ${port}
user ${user}
password "${secret}"
auth ${auth}
${ca === undefined ? "tls off" : `tls on\ntls_starttls on\ntls_trust_file ${ca}`}
timeout 300
keep ${keep}
received_header off
uidls_file ${home}/uidls
delivery maildir ${inbox}
`,
  );
  const outcome = await run(program("mpop"), ["--file", join(home, "rc")], { env: { HOME: home }, cwd: home });
  assert.equal(outcome.code, 0, outcome.stderr);
  return readdirSync(join(inbox, "new")).map((name) => readFileSync(join(inbox, "new", name)));
}
