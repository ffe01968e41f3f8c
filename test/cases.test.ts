/**
 * CASES.md and the titles of the tests agree: each case has its tests, and each id in a title is a case.
 *
 * A title is a string of a test file, or the first line of a transcript, that begins with ids and a colon, as in
 * I10, I11: cut off at every octet.
 */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const FOLDER = join(__dirname, "..", "..", "test");

const COLUMNS = ["id", "stimulus", "required outcome", "test file", "seen in"];

/** The ids that open a title. */
const OPENING = String.raw`([A-Z]\d{1,2}(?:, [A-Z]\d{1,2})*): `;

interface Case {
  readonly id: string;
  readonly cells: readonly string[];
}

function read(file: string): string {
  return readFileSync(join(FOLDER, file), "utf8");
}

/** The ids in the titles of a file. */
function idsIn(file: string): string[] {
  const opening = file.endsWith(".txt") ? new RegExp(`^# ${OPENING}`, "g") : new RegExp(`["'\`]${OPENING}`, "g");
  return [...read(file).matchAll(opening)].flatMap(([, ids = ""]) => ids.split(", "));
}

/** The files of each id, in alphabetical order. */
function filesById(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const files = readdirSync(FOLDER, { recursive: true, encoding: "utf8" });
  for (const file of files.filter((name) => /\.test\.ts$|^transcripts\/.*\.txt$/.test(name)).sort()) {
    for (const id of new Set(idsIn(file))) found.set(id, [...(found.get(id) ?? []), file]);
  }
  return found;
}

/** The rows of the tables, without their heads. */
function rows(): string[][] {
  const lines = read("CASES.md").match(/^\|.*\|$/gm) ?? [];
  const all = lines.map((line) => line.slice(1, -1).split("|"));
  const trimmed = all.map((cells) => cells.map((cell) => cell.trim()));
  return trimmed.filter(([first = ""]) => first !== COLUMNS[0] && !/^-+$/.test(first));
}

function cases(): Case[] {
  return rows().map((cells) => ({ id: cells[0] as string, cells }));
}

/** A row of CASES.md with the files that it must name. */
function row({ id, cells }: Case, files: readonly string[]): string {
  const [, stimulus, outcome, , seen] = cells;
  const line = [id, stimulus, outcome, files.map((file) => `\`${file}\``).join(", "), seen].join(" | ");
  return `| ${line} |`.replace(/ +\|$/, " |");
}

test("each case names the files whose titles have its id, and each id in a title is a case", () => {
  const files = filesById();
  const known = cases();
  const wrong: string[] = [];
  for (const one of known) {
    const has = [...(one.cells[3] ?? "").matchAll(/`([^`]+)`/g)].map(([, file]) => file);
    const wants = files.get(one.id) ?? [];
    if (wants.length === 0) wrong.push(`no title has the id ${one.id}: remove its row, or name it in a title`);
    else if (has.join() !== wants.join()) wrong.push(row(one, wants));
  }
  for (const [id, wants] of files) {
    if (known.some((one) => one.id === id)) continue;
    wrong.push(row({ id, cells: [id, "(stimulus)", "(required outcome)", "", ""] }, wants));
  }
  if (wrong.length > 0) assert.fail(`test/CASES.md needs these rows:\n${wrong.join("\n")}`);
});

test("each case is one row, with all columns, in the section of its letter and in order", () => {
  const all = cases();
  const ids = all.map(({ id }) => id);
  assert.ok(all.length > 50);
  assert.deepEqual([...new Set(ids)], ids, "an id has two rows");
  for (const { id, cells } of all) {
    assert.match(id, /^[A-Z]\d{1,2}$/);
    assert.equal(cells.length, COLUMNS.length, `${id} has ${cells.length} cells`);
    assert.ok(cells[1] && cells[2], `${id} lacks its stimulus or outcome`);
  }
  for (const section of read("CASES.md").split(/^## /m).slice(1)) {
    const inside = [...section.matchAll(/^\| ([A-Z])(\d+) /gm)];
    const letters = new Set(inside.map(([, letter]) => letter));
    assert.equal(letters.size, 1, `one letter in the section ${section.split("\n", 1)[0]}`);
    const numbers = inside.map(([, , number]) => Number(number));
    assert.deepEqual(
      numbers.toSorted((one, other) => one - other),
      numbers,
      section.split("\n", 1)[0],
    );
  }
});
