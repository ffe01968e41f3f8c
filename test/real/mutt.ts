/** mutt and neomutt, each at a terminal of its own (`script`): they list a maildrop, save one mail and leave. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Outcome, program, run } from "./programs";
import { put, scratch } from "./scratch";
import { password } from "./server";

/**
 * Runs one of them.
 *
 * @param maildrop its URL, or "!" for the `spoolfile` of the settings
 * @param settings lines of its muttrc
 * @param more variables of its environment
 * @returns what it has drawn, and the mbox that it has saved, if it has
 */
export async function mutt(
  t: TestContext,
  name: string,
  maildrop: string,
  settings: string,
  more: NodeJS.ProcessEnv = {},
): Promise<[Outcome, string | null]> {
  const home = scratch(t);
  put(
    join(home, "rc"),
    `set pop_pass="${password}"
set folder="${home}" record="" header_cache="" message_cachedir="" certificate_file="${home}/certificates"
set pop_checkinterval=0 net_inc=0 timeout=5 sleep_time=0 wait_key=no quit=yes confirmappend=no copy=no
set confirmcreate=no
set index_format="subject=%s."
${settings}
push "<last-entry><copy-message>${home}/saved<enter><exit>"
`,
  );
  const command = `stty rows 40 cols 120; exec timeout 50 ${program(name)} -n -F ${home}/rc -f '${maildrop}'`;
  const env = { HOME: home, TERM: "vt100", SHELL: "/bin/sh", ...more };
  const outcome = await run(program("script"), ["-qefc", command, "/dev/null"], { env, cwd: home });
  const saved = join(home, "saved");
  return [outcome, existsSync(saved) ? readFileSync(saved, "latin1") : null];
}
