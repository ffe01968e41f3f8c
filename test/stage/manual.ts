/** The manual, as a reader sees it. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The folder of the manual's pages. */
export const MANUAL = join(__dirname, "..", "..", "..", "man");

/** The names of its files. */
export const PAGES = readdirSync(MANUAL);

/** A page without the escapes that it has for troff. */
export function page(name: string): string {
  return readFileSync(join(MANUAL, name), "utf8")
    .replaceAll("\\&", "")
    .replaceAll("\\-", "-")
    .replaceAll(/\\f[BIP]/g, "");
}

/** What a recipe tells to copy, block by block. @param title of its subsection in pop3.proxy-recipes(7) */
export function recipe(title: string): string[] {
  const [, text = ""] = page("pop3.proxy-recipes.7").split(`\n.SS ${title}\n`);
  const [own = ""] = text.split(/^\.S[HS] /m);
  const blocks = [...own.matchAll(/^\.nf\n(.*?)^\.fi$/gms)].map(([, block]) =>
    (block as string).replaceAll("\\e", "\\"),
  );
  assert.ok(blocks.length > 0, title);
  return blocks;
}
