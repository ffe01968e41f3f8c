/**
 * Who may import whom (DESIGN.md): a file imports from its own row or a higher one.
 */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { test } from "node:test";

const SRC = join(__dirname, "..", "..", "src");

const ROWS: readonly (readonly string[])[] = [
  ["protocol/", "failure", "config", "address", "deadline", "log", "version", "pem", "tlsversion"],
  ["connection", "inbox", "outbox", "landing", "relay", "handshake"],
  ["session/"],
  ["policy/", "transport/"],
  ["gateway", "demo/", "log/"],
  ["door/"],
  ["cli", "options", "values", "check", "run", "program"],
  ["main", "launcher", "pack"],
];

/** Rooms of one row that must not know each other. */
const APART: readonly [string, string][] = [
  ["policy/", "transport/"],
  ["protocol/", "config"],
  ["protocol/", "log"],
];

interface Import {
  readonly file: string;
  /** What stands between "import" and "from". */
  readonly what: string;
  readonly from: string;
}

function imports(): Import[] {
  const files = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
  return files.flatMap((file) => {
    const text = readFileSync(join(SRC, file), "utf8");
    const found = [...text.matchAll(/^(?:import|export)\b([^;]*?)\bfrom "([^"]+)"|\brequire\("([^"]+)"\)/gm)];
    return found.map(([, what = "", from, required]) => ({
      file,
      what: what.trim(),
      from: (from ?? required) as string,
    }));
  });
}

/** The room that a path of src/ is in: a folder, or a file at the top. */
function room(path: string): string {
  const [first, ...rest] = path.split("/");
  return rest.length > 0 ? `${first}/` : (first as string).replace(/\.(?:ts|js)$/, "");
}

const row = (name: string) => ROWS.findIndex((rooms) => rooms.includes(name));

test("every file has a row, and imports from its own or a higher one", () => {
  const all = imports();
  assert.ok(all.length > 50);
  for (const { file, from } of all) {
    assert.notEqual(row(room(file)), -1, `${file} is in no row of the table`);
    if (!from.startsWith(".")) continue;
    const target = room(relative(SRC, normalize(join(SRC, dirname(file), from))));
    assert.ok(row(target) !== -1 && row(target) <= row(room(file)), `${file} imports ${from}`);
    for (const [one, other] of APART) {
      assert.ok(!(room(file) === one && target === other), `${file} imports ${from}`);
    }
  }
});

test("protocol/ is pure: it imports no node: module and no package", () => {
  for (const { file, from } of imports()) {
    if (room(file) === "protocol/") assert.ok(from.startsWith("."), `${file} imports ${from}`);
  }
});

test("only connection, doors, transports and the demo touch streams; only program ends the process", () => {
  for (const { file, what, from } of imports()) {
    if (!/^node:(?:net|tls|stream)$/.test(from)) continue;
    // What kind of address a text is, node:net tells without a socket; and a type touches nothing.
    if (what.startsWith("type ") || /^\{ isIP(?:v[46])?(?:, isIPv6)? \}$/.test(what)) continue;
    assert.ok(
      ["connection", "inbox", "outbox", "log/", "door/", "transport/", "demo/", "check", "pack"].includes(room(file)),
      `${file} imports ${from}`,
    );
  }
  for (const file of readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((one) => one.endsWith(".ts"))) {
    if (file !== "program.ts") assert.doesNotMatch(readFileSync(join(SRC, file), "utf8"), /process\.exit\(/, file);
  }
});

test("no room is called handler, manager, context, util, helper or data", () => {
  for (const file of readdirSync(SRC, { recursive: true, encoding: "utf8" })) {
    assert.doesNotMatch(file, /handler|manager|context|util|helper|data/i);
  }
});
