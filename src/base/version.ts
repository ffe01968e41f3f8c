/** The version of this package, as package.json has it, and of what it runs on. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** "VERSION, Node VERSION, OpenSSL VERSION". */
export function version(): string {
  const { node, openssl } = process.versions;
  return `${ownVersion()}, Node ${node}, OpenSSL ${openssl}`;
}

/** The version of this package alone. */
export function ownVersion(): string {
  known ??= read();
  return known;
}

let known: string | undefined;

function read(): string {
  // From the pack, from dist/base, and from build/src/base.
  const folders = ["..", "../..", "../../.."].map((up) => join(__dirname, up));
  const [folder = ""] = folders.filter((one) => existsSync(join(one, "package.json")));
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).version;
}
