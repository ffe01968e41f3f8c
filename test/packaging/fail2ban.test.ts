import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const TOP = join(__dirname, "..", "..", "..");

test("the filter for fail2ban is that of the README", () => {
  const [readme, filter] = ["README.md", "packaging/fail2ban/filter.conf"].map((file) => {
    const text = readFileSync(join(TOP, file), "utf8");
    return [...text.matchAll(/^ *((?:fail|ignore)regex = .*)$/gm)].map(([, line]) => line);
  });
  assert.equal(readme?.length, 2);
  assert.deepEqual(filter, readme);
});
