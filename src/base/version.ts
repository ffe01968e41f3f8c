/** The version of this package, as package.json has it; the sources may be built into a folder of another depth. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

export function version(): string {
  // In the pack, in dist/base, in build/src/base.
  const folders = ["..", "../..", "../../.."].map((up) => join(__dirname, up));
  const [folder = ""] = folders.filter((one) => existsSync(join(one, "package.json")));
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).version;
}
