/** The alert rules and the dashboard name metrics that exist, with labels that they have. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { COUNTERS, GAUGES, HISTOGRAMS, PROCESS } from "../../src/metrics/families";

const FOLDER = join(__dirname, "..", "..", "..", "packaging");
const RULES = readFileSync(join(FOLDER, "prometheus", "pop3.proxy.rules.yml"), "utf8");
const DASHBOARD = readFileSync(join(FOLDER, "grafana", "pop3.proxy.json"), "utf8");

/** The labels of each series that is exported. */
const series = new Map<string, readonly string[]>([
  ...[COUNTERS, GAUGES, PROCESS].flatMap((table) =>
    Object.values(table).map(({ name, labels }) => [name, labels] as const),
  ),
  ...Object.values(HISTOGRAMS).flatMap(({ name, labels }) => [
    [`${name}_bucket`, [...labels, "le"]] as const,
    [`${name}_count`, labels] as const,
    [`${name}_sum`, labels] as const,
  ]),
]);

/** Labels that Prometheus adds itself. */
const ADDED = ["instance", "job"];

/** All expressions of a dashboard. */
function expressions(node: unknown): string[] {
  if (typeof node !== "object" || node === null) return [];
  return Object.entries(node).flatMap(([key, value]) => {
    return typeof value === "string" ? (key === "expr" || key === "query" ? [value] : []) : expressions(value);
  });
}

/** @throws AssertionError if a name or a label of an expression is not exported */
function exported(expression: string): void {
  const names = expression.match(/\b(?:pop3proxy|process|nodejs)_\w+/g) ?? [];
  for (const name of names) assert.ok(series.has(name), `${name} in ${expression}`);
  const labels = new Set([...ADDED, ...names.flatMap((name) => series.get(name) ?? [])]);
  for (const [, grouped = ""] of expression.matchAll(/\bby \(([^)]*)\)/g)) {
    for (const label of grouped.split(/,\s*/)) assert.ok(labels.has(label), `${label} in ${expression}`);
  }
  for (const [, label = ""] of expression.matchAll(/[{,](\w+)(?:=~|!=|!~|=)"/g)) {
    assert.ok(labels.has(label), `${label} in ${expression}`);
  }
}

test("the alert rules name what is exported", () => {
  const rules = RULES.split(/^ {6}- alert: /m).slice(1);
  assert.ok(rules.length > 10);
  for (const rule of rules) exported(/expr: (.*?)(?=^ {8}\w+:)/ms.exec(rule)?.[1] ?? "");
});

test("the dashboard names what is exported, and shows every metric of the gateway but its versions", () => {
  const all = expressions(JSON.parse(DASHBOARD)).filter((one) => /_/.test(one));
  assert.ok(all.length > 30);
  for (const expression of all) exported(expression);
  const shown = all.join("\n");
  for (const name of series.keys()) {
    if (!name.startsWith("pop3proxy_") || name.endsWith("_sum") || name.endsWith("_count")) continue;
    assert.ok(shown.includes(name), name);
  }
});
