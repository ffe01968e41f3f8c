/**
 * Makes the folder of which npm makes the package: node package.js FOLDER. The package has the pack and no other code.
 * Its package.json names neither scripts, of which npm warns at each installation, nor dependencies: the pack has them
 * in it, so that a machine without a registry installs the package.
 */

import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What npm needs to know of an installed package. */
const FIELDS = ["name", "version", "description", "license", "bin", "man", "engines"] as const;

/** What npm would add to `files` by itself. */
const ALWAYS = ["README.md", "LICENSE"];

function makePackage(top: string, folder: string): void {
  const manifest = JSON.parse(readFileSync(join(top, "package.json"), "utf8"));
  rmSync(folder, { recursive: true, force: true });
  for (const file of [...manifest.files, ...ALWAYS]) cpSync(join(top, file), join(folder, file), { recursive: true });
  const kept = Object.fromEntries(FIELDS.map((field) => [field, manifest[field]]));
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(kept, null, 2)}\n`);
}

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error("give the folder to make");
makePackage(join(__dirname, "..", ".."), folder);
