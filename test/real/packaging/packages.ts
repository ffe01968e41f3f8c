/** The Debian package, as the tests of this folder need it. */

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../programs";

/** The top of the project. */
export const TOP = join(__dirname, "..", "..", "..", "..");

/** The time that the files of the packages have. */
const EPOCH = "1700000000";

/**
 * Makes the package.
 *
 * @param folder where to, a new one
 * @param version another one than that of package.json
 * @param umask of the process that makes it
 * @returns its file
 */
export async function makeDeb(folder: string, version?: string, umask = "022"): Promise<string> {
  const npm = join(folder, "npm");
  const node = async (...argv: string[]) => {
    const { code, stdout, stderr } = await run("/bin/sh", ["-c", `umask ${umask} && exec "$@"`, "sh", ...argv], {
      asRoot: true,
      cwd: TOP,
      env: { SOURCE_DATE_EPOCH: EPOCH, HOME: folder },
      limit: 300,
    });
    assert.equal(code, 0, stderr);
    return `${stdout}`;
  };
  await node(process.execPath, join(TOP, "dist", "pack", "package.js"), npm);
  if (version !== undefined) {
    const file = join(npm, "package.json");
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), version }));
  }
  const made = await node(process.execPath, join(TOP, "build", "packaging", "deb.js"), npm, folder);
  return join(TOP, made.trim());
}
