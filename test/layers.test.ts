/**
 * Who may import whom (DESIGN.md): a file imports from its own row or a higher one.
 */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { test } from "node:test";

const SRC = join(__dirname, "..", "..", "src");

/** The rooms, in rows: a file imports from its own row or a higher one. */
const ROWS: readonly (readonly string[])[] = [
  ["base/", "protocol/"],
  ["config/", "process/"],
  ["connection/", "log/", "tls/"],
  ["session/"],
  ["access/", "oauth/", "upstream/", "scan/", "metrics/"],
  ["gateway/", "demo/"],
  ["listen/"],
  ["app/"],
  ["main", "pack/"],
];

/** What a room, or a file, may not know, though its row would permit it. */
const APART: readonly [string, string][] = [
  ["base/", "protocol/"],
  ["config/", "process/"],
  ["process/", "config/"],
  ["connection/", "log/"],
  ["connection/", "tls/"],
  ["log/", "connection/"],
  ["log/", "tls/"],
  ["tls/", "connection/"],
  ["tls/", "log/"],
  ["access/", "upstream/"],
  ["access/", "scan/"],
  ["upstream/", "access/"],
  ["upstream/", "scan/"],
  ["scan/", "access/"],
  ["scan/", "upstream/"],
  ["oauth/", "session/"],
  ["oauth/", "access/"],
  ["oauth/", "upstream/"],
  ["oauth/", "scan/"],
  ["access/", "oauth/"],
  ["upstream/", "oauth/"],
  ["scan/", "oauth/"],
  ["access/", "metrics/"],
  ["metrics/", "access/"],
  ["upstream/", "metrics/"],
  ["metrics/", "upstream/"],
  ["scan/", "metrics/"],
  ["metrics/", "scan/"],
  ["oauth/", "metrics/"],
  ["metrics/", "oauth/"],
  ["gateway/", "demo/"],
  ["demo/", "gateway/"],
  ["session/", "config/options"],
  ["session/", "config/optiontable"],
];

/** What others may import of connection/ besides its face, connection.ts. */
const INSIDE_CONNECTION: readonly [string, string][] = [
  ["upstream/tcp", "connection/buffers"],
  ["upstream/ssh", "connection/buffers"],
  ["listen/superserver", "connection/pair"],
  ["upstream/via", "connection/pair"],
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

/** An import of one file of src/ by another: both as paths without an ending. */
function inside(): { file: string; target: string }[] {
  return imports().flatMap(({ file, from }) => {
    if (!from.startsWith(".")) return [];
    const target = relative(SRC, normalize(join(SRC, dirname(file), from)));
    return [{ file: file.replace(/\.ts$/, ""), target: target.replace(/\.js$/, "") }];
  });
}

test("every file has a row, and imports from its own or a higher one", () => {
  const all = inside();
  assert.ok(all.length > 50);
  for (const { file, target } of all) {
    assert.notEqual(row(room(file)), -1, `${file} is in no row of the table`);
    assert.ok(row(room(target)) !== -1 && row(room(target)) <= row(room(file)), `${file} imports ${target}`);
    for (const [one, other] of APART) {
      const known = room(target) === other || target === other;
      assert.ok(!(room(file) === one && known), `${file} imports ${target}`);
    }
  }
});

test("nobody looks behind connection/connection.ts but those who are named", () => {
  for (const { file, target } of inside()) {
    if (room(target) !== "connection/" || room(file) === "connection/" || target === "connection/connection") continue;
    assert.ok(
      INSIDE_CONNECTION.some(([one, other]) => one === file && other === target),
      `${file} imports ${target}`,
    );
  }
});

test("no circle of imports", () => {
  const known = new Map<string, string[]>();
  for (const { file, target } of inside()) known.set(file, [...(known.get(file) ?? []), target]);
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    assert.ok(!path.includes(file), [...path, file].join(" -> "));
    if (done.has(file)) return;
    for (const target of known.get(file) ?? []) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of known.keys()) visit(file, []);
});

test("no class, function or type has the name of another", () => {
  const places = new Map<string, string[]>();
  for (const file of readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((one) => one.endsWith(".ts"))) {
    const text = readFileSync(join(SRC, file), "utf8");
    for (const [, name] of text.matchAll(/^(?:export )?(?:async )?(?:class|function|interface|type) (\w+)/gm)) {
      places.set(name as string, [...(places.get(name as string) ?? []), file]);
    }
  }
  assert.ok(places.size > 150);
  assert.deepEqual(
    [...places].filter(([, files]) => files.length > 1),
    [],
  );
});

test("at most three files lie directly in src/", () => {
  assert.ok(readdirSync(SRC, { withFileTypes: true }).filter((entry) => entry.isFile()).length <= 3);
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
      ["connection/", "process/", "log/", "tls/", "upstream/", "scan/", "listen/", "demo/", "app/", "pack/"].includes(
        room(file),
      ),
      `${file} imports ${from}`,
    );
  }
  for (const file of readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((one) => one.endsWith(".ts"))) {
    if (file !== "app/program.ts") assert.doesNotMatch(readFileSync(join(SRC, file), "utf8"), /process\.exit\(/, file);
  }
});

test("only listen/ asks a socket who its peer is: behind a load balancer, that is not the client", () => {
  for (const file of readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((one) => one.endsWith(".ts"))) {
    // Whether a descriptor is connected at all is another question.
    if (room(file) === "listen/" || file === "process/descriptor.ts") continue;
    assert.doesNotMatch(readFileSync(join(SRC, file), "utf8"), /\bremote(?:Address|Port|Family)\b/, file);
  }
});

test("no room is called handler, manager, context, util, helper or data", () => {
  for (const file of readdirSync(SRC, { recursive: true, encoding: "utf8" })) {
    assert.doesNotMatch(file, /handler|manager|context|util|helper|data/i);
  }
});
