/** fetchmail with a fetchmailrc of its own; what it delivers are files. It writes mails with LF. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { program, run } from "./programs";
import { folder, put, scratch } from "./scratch";

export interface Fetched {
  /** Its exit status. */
  readonly code: number | null;
  readonly stderr: string;
  /** The mails that it has delivered, in order. */
  readonly mails: readonly Buffer[];
  /** The verbs that it has said to the server. */
  readonly verbs: readonly string[];
}

/**
 * Runs fetchmail.
 *
 * @param account one entry of a fetchmailrc, behind which other options of the user may stand
 * @param more variables of its environment
 */
export async function fetchmail(t: TestContext, account: string, more: NodeJS.ProcessEnv = {}): Promise<Fetched> {
  const home = scratch(t);
  const inbox = join(home, "inbox");
  folder(inbox);
  put(join(home, "deliver"), `cat >"${inbox}/$(printf %03d $(ls "${inbox}" | wc -l))"\n`);
  const delivery = `mda "sh ${home}/deliver" pass8bits no rewrite`;
  put(join(home, "rc"), `set invisible\nset no bouncemail\n${account.trimEnd()} ${delivery}\n`);
  const env = { HOME: home, FETCHMAILHOME: home, ...more };
  const argv = ["-f", join(home, "rc"), "--nodetach", "-v"];
  const { code, stdout, stderr } = await run(program("fetchmail"), argv, { env, cwd: home });
  const names = readdirSync(inbox).sort();
  return {
    code,
    stderr,
    mails: names.map((name) => readFileSync(join(inbox, name))),
    verbs: stdout.toString().match(/(?<=POP3> )\w+/g) ?? [],
  };
}
