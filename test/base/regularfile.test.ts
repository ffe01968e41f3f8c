/** Files that the settings name, and what is put in their place: a reload must not wait for it, or read it for ever. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readHeaders } from "../../src/access/headerfile";
import { readUserMap } from "../../src/access/mapfile";
import { readConfiguration } from "../../src/config/configfile";
import { readPem } from "../../src/tls/pem";
import { scratch } from "../stage/acp";

/** Reads a file as each of its kinds. @returns the faults */
async function faultsOf(file: string): Promise<string[]> {
  const kinds: readonly (() => unknown)[] = [
    () => readConfiguration(file, {}, false),
    () => readUserMap(file),
    () => readHeaders(file),
    () => readPem(file),
  ];
  const faults: string[] = [];
  for (const read of kinds) {
    const fault = await Promise.resolve()
      .then(read)
      .then(String, (thrown: Error) => thrown.message);
    faults.push(fault.replace(`${file}: `, ""));
  }
  return faults;
}

test("a pipe, a device, a directory, a circle of links and a file without an end are told, by all kinds of files", async (t) => {
  const folder = scratch(t);
  const pipe = join(folder, "pipe");
  execFileSync("mkfifo", ["-m", "600", pipe]);
  const circle = join(folder, "circle");
  symlinkSync("circle", circle);
  for (const [file, told] of [
    [pipe, "it is not a file"],
    ["/dev/zero", "it is not a file"],
    [folder, "it is a directory"],
    [circle, "too many symbolic links"],
    [join(folder, "none"), "there is no such file"],
  ] as const) {
    assert.deepEqual(await faultsOf(file), Array(4).fill(told), file);
  }
  const long = join(folder, "long");
  writeFileSync(long, "");
  truncateSync(long, 1e12);
  chmodSync(long, 0o600);
  for (const fault of await faultsOf(long)) assert.match(fault, /^it has more than [0-9]+ octets$/);
});
