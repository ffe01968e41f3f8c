/**
 * A certificate for localhost and 127.0.0.1 with its key, for tests that need TLS but none of its faults. It certifies
 * itself, for a hundred years, and is good for nothing else.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The folder of the sources; the tests run from a build elsewhere. */
const FOLDER = join(__dirname, "..", "..", "..", "test", "stage");

export const CERT_FILE = join(FOLDER, "localhost.pem");
export const KEY_FILE = join(FOLDER, "localhost.key");

export const cert = readFileSync(CERT_FILE);
export const key = readFileSync(KEY_FILE);
