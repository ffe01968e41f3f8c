/** The licenses of packages, which must be distributed with their code. */

import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

/** A comment with the licenses of the packages that these files belong to, in ASCII. */
export function licenses(files: readonly string[]): string {
  const folders = files.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(resolve(file))?.[0] ?? []);
  const texts = [...new Set(folders)].map((folder) => {
    const { name, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    return `With ${name} in it (${license}):\n\n${licenseIn(folder)}\n`;
  });
  return `/*\n${texts.join("\n").replaceAll("*/", "* /")}*/\n`.replace(/[^\n -~]/g, "?");
}

/** The text of a package's license: a file of its own, or a section of the README. */
function licenseIn(folder: string): string {
  const names = readdirSync(folder);
  const file = names.find((name) => /^licen[cs]e/i.test(name));
  if (file) return readFileSync(join(folder, file), "utf8").trim();
  const readme = names.find((name) => /^readme/i.test(name));
  const text = readme ? readFileSync(join(folder, readme), "utf8") : "";
  return (
    text
      .split(/^#+ licen[cs]e/im)[1]
      ?.split(/^#/m, 1)[0]
      ?.trim() ?? ""
  );
}
