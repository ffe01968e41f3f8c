/** The version of this package, as package.json has it, and of what it runs on. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** "VERSION, Node VERSION, OpenSSL VERSION". */
export function version(): string {
  const { node, openssl } = process.versions;
  return `${own()}, Node ${node}, OpenSSL ${openssl}`;
}

function own(): string {
  // From the pack, from dist/base, and from build/src/base.
  const folders = ["..", "../..", "../../.."].map((up) => join(__dirname, up));
  const [folder = ""] = folders.filter((one) => existsSync(join(one, "package.json")));
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).version;
}
