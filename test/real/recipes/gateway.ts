/** What a recipe of the manual tells to copy, as it is tried here: only ports, names, addresses, users and folders differ. */

import assert from "node:assert/strict";
import type { SpawnOptions } from "node:child_process";
import { chmodSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { authority } from "../../stage/certificates";
import { type GatewayProcess, launch, listening, MAIN } from "../../stage/process";
import { put, scratch } from "../scratch";
import { inspect } from "../server";

/** Where the recipes say that the gateway is. */
export const PLACE = "/usr/local/bin/pop3.proxy";

/** Makes the command of the gateway. @returns its file */
export function install(home: string): string {
  const file = join(home, "pop3.proxy");
  put(file, `#!/bin/sh\nexec ${process.execPath} ${MAIN} "$@"\n`);
  chmodSync(file, 0o755);
  return file;
}

/** A block with other words in some places; each of those must be there. */
export function replaced(block: string | undefined, words: Readonly<Record<string, string>>): string {
  let text = block ?? assert.fail("the recipe has no such block");
  for (const [word, other] of Object.entries(words)) {
    assert.ok(text.includes(word), `${word} is not in: ${text}`);
    text = text.replaceAll(word, other);
  }
  return text;
}

/**
 * Runs a recipe's command of the gateway by the shell, in debug mode until the test ends. It trusts the authority of
 * the tests as it would trust those of the system.
 *
 * @param as who runs it, and with which environment
 */
export async function startRecipe(
  t: TestContext,
  command: string,
  listeners = 1,
  as: Pick<SpawnOptions, "uid" | "gid" | "env"> = {},
): Promise<GatewayProcess> {
  const file = install(scratch(t));
  const { NODE_EXTRA_CA_CERTS: _, PATH, ...rest } = as.env ?? process.env;
  const env = { ...rest, PATH: `${dirname(file)}${delimiter}${PATH}`, SSL_CERT_FILE: authority() };
  assert.match(command, /^pop3\.proxy /);
  const argv = ["-c", `exec ${command.trimEnd()} -d`];
  const launched = launch(t, "/bin/sh", argv, { ...as, env, stdio: ["ignore", "ignore", "pipe"] });
  return listening(launched, listeners, { t, inspect });
}
