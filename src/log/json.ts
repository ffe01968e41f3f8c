/** One event as a JSON object on one line (--log-format json), of printable ASCII. */

import { EVENTS, type Origin, type Value } from "./events";
import type { Render } from "./line";

/** The most octets of a line: so many fit into a message of syslog (RFC 3164, 4.1) beside its header. */
const BOUND = 900;

/** What a value that was cut ends in. */
const CUT = "...";

/** As `line`, with the time, the level and the fields as members, in the same order; a field's number is a number. */
export const jsonLine: Render = (name, fields, origin) => {
  const { level, event, fields: keys } = EVENTS[name];
  const members: [string, Value][] = [
    ["time", new Date().toISOString()],
    ["level", level],
    ["event", event],
    ...originOf(origin),
    ...keys.flatMap((key): [string, Value][] => {
      const value = fields[key];
      return value === undefined ? [] : [[key, typeof value === "string" ? characters(value) : value]];
    }),
  ];
  for (;;) {
    const text = ascii(JSON.stringify(Object.fromEntries(members)));
    if (text.length <= BOUND) return text;
    cutLongest(members, text.length - BOUND);
  }
};

function originOf(origin: Origin | undefined): [string, Value][] {
  if (!origin) return [];
  const { service, session, client } = origin;
  const members = { service, session, client };
  return Object.entries(members).filter((member): member is [string, string] => member[1] !== undefined);
}

/** The octets of a client or a server as UTF-8, if they are that, else each as a character. */
function characters(octets: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.from(octets, "latin1"));
  } catch {
    return octets;
  }
}

function ascii(json: string): string {
  return json.replace(/[^ -~]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Cuts the longest value. Each character of it has at least one octet of the line, so a few rounds are enough. */
function cutLongest(members: [string, Value][], excess: number): void {
  const written = ([, value]: [string, Value]) => ascii(JSON.stringify(value)).length;
  const longest = members.reduce((one, other) => (written(other) > written(one) ? other : one));
  const text = String(longest[1]).replace(/\.\.\.$/, "");
  const share = Math.ceil((text.length * (excess + CUT.length)) / written(longest));
  longest[1] = text.slice(0, Math.max(0, text.length - share)) + CUT;
}
