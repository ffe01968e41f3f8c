/** Settings as a configuration file that means the same, for --check. */

import { type Literal, longName, type Scope } from "./optionrows";
import { defaults, type Options } from "./options";
import { OPTIONS, SERVER } from "./optiontable";

/** The columns of an array on one line; a longer one has a line for each element. */
const WIDTH = 110;

/**
 * The lines of a configuration file.
 *
 * @param own the options of the process
 * @param services the options of each service, by its name
 * @param changed whether only options are shown that differ from the defaults
 */
export function configText(own: Options, services: ReadonlyMap<string, Options>, changed: boolean): string[] {
  const lines = linesOf("process", own, changed);
  for (const [name, options] of services) {
    lines.push(...(lines.length > 0 ? [""] : []), `[service.${name}]`, ...linesOf("service", options, changed));
  }
  return lines;
}

function linesOf(wanted: Scope, options: Options, changed: boolean): string[] {
  return [SERVER, ...OPTIONS].flatMap((row) => {
    if (row.scope !== wanted) return [];
    const value = row.file.write(options);
    if (value === undefined) return [];
    if (changed && JSON.stringify(value) === JSON.stringify(row.file.write(defaults))) return [];
    if (row.secret && isSome(value))
      return [`# ${longName(row)} is masked: put it here, or name its file by ${longName(row)}-file`];
    return [`${longName(row)} = ${literal(value)}`];
  });
}

function isSome(value: Literal): boolean {
  return typeof value !== "object" || value.length > 0;
}

function literal(value: Literal): string {
  if (typeof value === "string") return basicString(value);
  if (typeof value !== "object") return String(value);
  const elements = value.map(basicString);
  const line = `[${elements.join(", ")}]`;
  return line.length <= WIDTH ? line : `[\n${elements.map((one) => `  ${one},\n`).join("")}]`;
}

/** A basic string of TOML: JSON's escapes are TOML's, which also wants DEL escaped. */
function basicString(text: string): string {
  return JSON.stringify(text).replace(/\x7f/g, "\\u007F");
}
