/** What tests of recipes replace in them: places, names, users and ports of this machine take the place of the recipe's. */

import assert from "node:assert/strict";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { MAIN } from "../../stage/process";
import { put } from "../scratch";

/** Where recipes say that the gateway is. */
export const COMMAND = "/usr/local/bin/pop3.proxy";

/** Puts the gateway's command into a folder, for everybody. @returns its file */
export function commandIn(folder: string): string {
  const file = join(folder, "pop3.proxy");
  put(file, `#!/bin/sh\nexec ${process.execPath} ${MAIN} "$@"\n`);
  chmodSync(file, 0o755);
  return file;
}

/** A text with other words in it, each of which it must have. @param words what is replaced, by what, in this order */
export function replaced(text: string, words: readonly (readonly [word: string, by: string])[]): string {
  return words.reduce((done, [word, by]) => {
    assert.ok(done.includes(word), `no ${word} in ${done}`);
    return done.replaceAll(word, by);
  }, text);
}
