/** What is used of smol-toml, whose own declarations are those of an ES module, though it can be required. */
declare module "smol-toml" {
  export function parse(toml: string): Record<string, unknown>;
  /** Both numbers count from 1. */
  export class TomlError extends Error {
    line: number;
    column: number;
  }
}
