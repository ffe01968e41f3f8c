/** mpop, which writes mails with LF into a Maildir, and remembers the UIDLs of those that it leaves on the server. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { program, run } from "./programs";
import { folder, put } from "./scratch";
import { password, user } from "./server";

/**
 * Runs mpop; the mails that it has delivered this time.
 *
 * @param home where it remembers what it has seen
 */
export async function mpop(home: string, port: number, keep: "on" | "off"): Promise<Buffer[]> {
  const inbox = join(home, `inbox${readdirSync(home).length}`);
  for (const part of ["new", "cur", "tmp"]) folder(join(inbox, part));
  put(
    join(home, "rc"),
    `account default
host 127.0.0.1
port ${port}
user ${user}
password "${password}"
auth user
tls off
timeout 15
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
