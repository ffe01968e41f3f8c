/** What a recipe of the manual tells to copy, as it is tried here: only ports, names, addresses, users and folders differ. */

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { type GatewayProcess, startProcess } from "../../stage/process";
import { inspect } from "../server";

/** A block with other words in some places; each of those must be there. */
export function replaced(block: string | undefined, words: Readonly<Record<string, string>>): string {
  let text = block ?? assert.fail("the recipe has no such block");
  for (const [word, other] of Object.entries(words)) {
    assert.ok(text.includes(word), `${word} is not in: ${text}`);
    text = text.replaceAll(word, other);
  }
  return text;
}

/** Starts a recipe's `pop3.proxy -D`, in debug mode and on a port of its own. */
export function startRecipe(t: TestContext, command: string): Promise<GatewayProcess> {
  const [, rest = ""] = /^pop3\.proxy -D (.*)$/m.exec(command) ?? assert.fail(command);
  const words = rest.match(/"[^"]*"|\S+/g) ?? [];
  return startProcess(
    words.map((word) => word.replaceAll('"', "")),
    { t, inspect },
  );
}
