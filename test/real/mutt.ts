/** mutt and neomutt, each at a terminal of its own (`script`): they list a maildrop, save one mail or all, and leave. */

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Outcome, program, run } from "./programs";
import { put, scratch } from "./scratch";
import { password } from "./server";

/**
 * Lets one of them save the last mail.
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
  const outcome = await play(home, name, maildrop, `${settings}\npush "<last-entry>${save(home)}<exit>"`, more);
  const saved = join(home, "saved");
  return [outcome, existsSync(saved) ? readFileSync(saved, "latin1") : null];
}

/** Lets one of them save all mails, in clear. @returns them, with LF, in no special order */
export async function muttAll(t: TestContext, name: string, maildrop: string, settings: string): Promise<Buffer[]> {
  const home = scratch(t);
  const all = `push "<tag-pattern>~A<enter><tag-prefix>${save(home)}<exit>"`;
  const clear = "set ssl_starttls=no ssl_force_tls=no mbox_type=Maildir";
  const outcome = await play(home, name, maildrop, `${clear}\n${settings}\n${all}`, {});
  assert.equal(outcome.code, 0, outcome.stdout.toString("latin1"));
  const files = ["new", "cur"].flatMap((part) => {
    const folder = join(home, "saved", part);
    return existsSync(folder) ? readdirSync(folder).map((file) => join(folder, file)) : [];
  });
  // It adds these two to the header.
  const own = /\nContent-Length: \d+\nLines: \d+\n\n/;
  return files.map((file) => Buffer.from(readFileSync(file, "latin1").replace(own, "\n\n"), "latin1"));
}

/** The keys that save what is chosen. HOME may be another folder. */
const save = (home: string) => `<copy-message>${home}/saved<enter>`;

/** Runs it with these settings, which are those of a home of its own. */
async function play(
  home: string,
  name: string,
  maildrop: string,
  settings: string,
  more: NodeJS.ProcessEnv,
): Promise<Outcome> {
  put(
    join(home, "rc"),
    `set pop_pass="${password}"
set folder="${home}" record="" header_cache="" message_cachedir="" certificate_file="${home}/certificates"
set pop_checkinterval=0 net_inc=0 timeout=5 sleep_time=0 wait_key=no quit=yes confirmappend=no copy=no
set confirmcreate=no
set index_format="subject=%s."
${settings}
`,
  );
  const command = `stty rows 40 cols 120; exec timeout 300 ${program(name)} -n -F ${home}/rc -f '${maildrop}'`;
  const env = { HOME: home, TERM: "vt100", SHELL: "/bin/sh", ...more };
  return run(program("script"), ["-qefc", command, "/dev/null"], { env, cwd: home });
}
