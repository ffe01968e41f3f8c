/** TOML with places: the statements of a file are found as smol-toml finds them, and no text takes long or throws. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parse } from "smol-toml";
import { readToml } from "../../src/config/toml";
import { LONG } from "../stage/draws";

/** The values of a document, by their paths. */
function valuesOf(table: object, path: readonly string[] = []): [string, string][] {
  return Object.entries(table).flatMap(([key, value]) => {
    const own = [...path, key];
    const nested = typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
    if (nested && Object.keys(value).length > 0) return valuesOf(value, own);
    return [[JSON.stringify(own), JSON.stringify(value)]];
  });
}

/** What smol-toml reads of the whole; null: it is faulty. */
function whole(text: string): Map<string, string> | null {
  try {
    return new Map(valuesOf(parse(text)));
  } catch {
    return null;
  }
}

const key = fc.constantFrom("a", "b-c", "d_1", '"e f"', "'g'", "h.i", "j . k");
const scalar = fc.constantFrom(
  "1",
  "-2.5",
  "true",
  '"text"',
  '"a # b"',
  '"a \\" ] b"',
  "'it is'",
  "'# [x]'",
  '"""one\ntwo = 3\n[x]"""',
  "'''a\n\"b\" ''c'''",
  '""""quoted""""',
  "2026-01-01",
  '""',
);
const list = fc
  .array(scalar, { maxLength: 4 })
  .chain((all) =>
    fc.constantFrom(
      `[${all.join(", ")}]`,
      `[\n${all.map((one) => `  ${one}, # c ] "\n`).join("")}]`,
      `[[${all.join(",")}]]`,
    ),
  );
const inline = fc.tuple(key, scalar).map(([name, one]) => `{ ${name} = ${one.includes("\n") ? "1" : one} }`);
const value = fc.oneof({ weight: 3, arbitrary: scalar }, list, inline);
const between = fc.constantFrom("", "", '# comment [x] = "\n', "\n", " \t\n");
const statement = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(key, value, fc.constantFrom("", " # c", "\t"))
      .map(([name, one, end]) => `${name} = ${one}${end}\n`),
  },
  { weight: 1, arbitrary: key.map((name) => `[${name}]\n`) },
);
const documents = fc
  .array(fc.tuple(between, statement), { maxLength: 8 })
  .map((all) => all.map((parts) => parts.join("")).join(""));

test("what smol-toml reads of a whole file is read statement by statement, and what it refuses has a fault", () => {
  let sound = 0;
  fc.assert(
    fc.property(documents, fc.boolean(), (written, dos) => {
      const text = dos ? written.replaceAll("\n", "\r\n") : written;
      const expected = whole(text);
      const { entries, tables, faults } = readToml(text);
      if (!expected) {
        assert.ok(faults.length > 0, text);
        return;
      }
      assert.deepEqual(faults, [], text);
      const read = new Map(entries.map((entry) => [JSON.stringify(entry.path), JSON.stringify(entry.value)]));
      for (const { path } of tables) if (expected.has(JSON.stringify(path))) read.set(JSON.stringify(path), "{}");
      assert.deepEqual(new Map([...read].sort()), new Map([...expected].sort()), text);
      sound++;
    }),
    { numRuns: LONG ? 20_000 : 400, includeErrorInReport: true },
  );
  assert.ok(sound > 100, `${sound} files were in order`);
});

test("a text that was cut off, or is no TOML at all, has faults inside it, and never throws", () => {
  const mangled = fc.tuple(
    documents,
    fc.nat(),
    fc.string({
      unit: fc.constantFrom("[", "]", '"', "'", "=", "{", "#", "\n", "\\", ",", "\0", "\u{1F4EC}"),
      maxLength: 4,
    }),
  );
  fc.assert(
    fc.property(mangled, ([text, at, put]) => {
      const place = at % (text.length + 1);
      const broken = text.slice(0, place) + put + text.slice(place + 1);
      const { entries, faults } = readToml(broken);
      const lines = broken.split("\n");
      for (const { line, column } of [
        ...faults,
        ...entries.flatMap((entry) => [entry.key, entry.at, ...entry.elements]),
      ]) {
        assert.ok(line >= 1 && line <= lines.length, `line ${line} of ${lines.length}: ${JSON.stringify(broken)}`);
        assert.ok(column >= 1 && column <= (lines[line - 1] as string).length + 1, `column ${column}: ${broken}`);
      }
      // [[table]] is TOML, and a fault here; a date with a line end in it is neither, but smol-toml takes it.
      if (!whole(broken)) assert.ok(faults.length > 0, JSON.stringify(broken));
      else if (!/^\s*\[\[|2026/m.test(broken)) assert.deepEqual(faults, [], JSON.stringify(broken));
    }),
    { numRuns: LONG ? 20_000 : 400, includeErrorInReport: true },
  );
});

test("the places are those of the keys, the values and the elements", () => {
  const { entries } = readToml('# c\n[service.a]\n  listen = [ "1", # x\n    "2" ]\r\nb."c d" = { e = 1, f = 2 }');
  const shown = entries.map(({ path, key: of, at, elements }) => [
    path.join("."),
    of,
    at,
    elements.map(({ line, column }) => `${line}:${column}`),
  ]);
  assert.deepEqual(shown, [
    ["service.a.listen", { line: 3, column: 3 }, { line: 3, column: 12 }, ["3:14", "4:5"]],
    ["service.a.b.c d.e", { line: 5, column: 1 }, { line: 5, column: 11 }, []],
    ["service.a.b.c d.f", { line: 5, column: 1 }, { line: 5, column: 11 }, []],
  ]);
});

test("a large file of nothing, of one text or of open brackets is read in time", () => {
  const size = 1_000_000;
  for (const text of [
    "\n".repeat(size),
    "#".repeat(size),
    `a = "${"x".repeat(size)}"`,
    `a = """${"x\n".repeat(size / 2)}`,
    "[".repeat(5000),
    `a = ${"[".repeat(5000)}`,
    `a = [\n${'"x",\n'.repeat(20_000)}`,
  ]) {
    const began = process.cpuUsage();
    readToml(text);
    const { user, system } = process.cpuUsage(began);
    assert.ok(user + system < 5_000_000, `${text.slice(0, 10)}: ${user + system} us`);
  }
});
