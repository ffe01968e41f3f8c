/**
 * Imports that load at their first use. What the greeting does not need is evaluated behind it, which under inetd,
 * where each session is a process, is a third of the time to the greeting (bench:start).
 *
 * tsc compiles each import to `const x_1 = require("x");` and each use of it to `x_1.name`. Here the first becomes a
 * function that requires at its first call, and each use calls it. A module is so evaluated when something of it is
 * used for the first time; all that a module does at its own evaluation (a class that extends another, a table) it
 * still does.
 */

const REQUIRED = /^(?:const|var) (\w+_\d+) = require\(("[^"]+")\);$/gm;

/** The text of a module that tsc has compiled, with its imports made late. */
export function late(compiled: string): string {
  const names = new Set<string>();
  const declared = compiled.replace(REQUIRED, (_, name: string, path: string) => {
    names.add(name);
    return `let ${name}_; const ${name} = () => ${name}_ ??= require(${path});`;
  });
  // In parentheses, since the use may stand behind "new".
  return declared.replace(/\b(\w+_\d+)\./g, (use, name: string) => (names.has(name) ? `(${name}()).` : use));
}
