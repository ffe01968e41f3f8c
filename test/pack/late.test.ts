import assert from "node:assert/strict";
import { test } from "node:test";
import { late } from "../../src/pack/late";

/** Evaluates a module that tsc has compiled. @returns what it exports, and what it has required so far */
function evaluate(compiled: string): { exports: Record<string, () => object | string>; required: string[] } {
  const required: string[] = [];
  const modules: Record<string, object> = {
    "./point": { Point: class Point {}, origin: () => "origin" },
    "./base": { Base: class Base {} },
  };
  const exports = {};
  const require = (path: string) => {
    required.push(path);
    return modules[path];
  };
  new Function("require", "exports", late(compiled))(require, exports);
  return { exports, required };
}

test("an import is evaluated at its first use, and once", () => {
  const { exports, required } = evaluate(`
"use strict";
const point_1 = require("./point");
exports.call = () => (0, point_1.origin)();
exports.make = () => new point_1.Point();
exports.name = () => \`\${point_1.Point.name}\`;
`);
  assert.deepEqual(required, []);
  assert.equal(exports.call?.(), "origin");
  assert.equal(exports.name?.(), "Point");
  assert.equal(exports.make?.()?.constructor.name, "Point");
  assert.deepEqual(required, ["./point"]);
});

test("what a module does at its own evaluation it still does", () => {
  const { required } = evaluate(`
const base_1 = require("./base");
var point_1 = require("./point");
class Own extends base_1.Base {}
Object.defineProperty(exports, "Point", { enumerable: true, get: function () { return point_1.Point; } });
`);
  assert.deepEqual(required, ["./base"]);
});

test("a name that only looks like an import is left alone", () => {
  const { exports } = evaluate(`
const table_1 = { point: 1 };
exports.value = () => table_1.point;
`);
  assert.equal(exports.value?.(), 1);
});
