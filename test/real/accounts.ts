/**
 * Accounts that exist for one program alone: passwd and group are files of a throw-away folder (libnss-wrapper), and
 * setuid() succeeds whoever the program is (libuid-wrapper). Nothing of the system's is touched.
 */

import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { unpacked } from "./programs";
import { put } from "./scratch";

/** Where Debian has its libraries. */
export const libraries = `usr/lib/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu`;

/** The file of one of the libraries that take the place of the system's. */
export function wrapper(kind: "uid" | "nss" | "pam"): string {
  return `lib${kind}-wrapper/${libraries}/lib${kind}_wrapper.so`;
}

/** What must be unpacked for accounts. */
export const accountParts: readonly string[] = [wrapper("uid"), wrapper("nss")];

/**
 * The environment of a program for which these accounts exist besides those of the system, each with a group of its
 * name and number.
 */
export function accounts(home: string, own: Readonly<Record<string, number>>): Record<string, string> {
  const names = Object.keys(own);
  const others = (file: string) =>
    readFileSync(file, "latin1")
      .split("\n")
      .filter((line) => line !== "" && !names.includes(line.split(":", 1)[0] as string));
  const lines = (each: (name: string) => string) => names.map(each);
  const passwd = [...lines((name) => `${name}:x:${own[name]}:${own[name]}::/:/bin/sh`), ...others("/etc/passwd")];
  const group = [...lines((name) => `${name}:x:${own[name]}:`), ...others("/etc/group")];
  put(join(home, "passwd"), `${passwd.join("\n")}\n`);
  put(join(home, "group"), `${group.join("\n")}\n`);
  // Copies, since an ordinary user may not be able to read what root has unpacked.
  const preloads = accountParts.map((part, index) => {
    const copy = join(home, `wrapper${index}.so`);
    copyFileSync(unpacked(part), copy);
    return copy;
  });
  return {
    LD_PRELOAD: preloads.join(" "),
    UID_WRAPPER: "1",
    UID_WRAPPER_ROOT: "1",
    NSS_WRAPPER_PASSWD: join(home, "passwd"),
    NSS_WRAPPER_GROUP: join(home, "group"),
  };
}
