/**
 * One event, one line: `event key=value ...`. Values are escaped here and nowhere else, so that no octet of a client or
 * server can forge a line.
 */

import { quote } from "../base/quote";
import { EVENTS, type EventName, type Origin, type Value } from "./events";

/** The longest stack that is shown, in characters. */
const STACK_BOUND = 2048;

/**
 * The line of an event, without a line end.
 *
 * @param fields as `FieldsOf` has them
 */
export type Render = (
  name: EventName,
  fields: Readonly<Record<string, Value | undefined>>,
  origin?: Origin | undefined,
) => string;

/** The line of an event as text. */
export const line: Render = (name, fields, origin) => {
  const { event, fields: keys } = EVENTS[name];
  let text: string = event;
  if (origin?.service !== undefined) text += ` service=${origin.service}`;
  if (origin?.session !== undefined) text += ` session=${origin.session}`;
  if (origin?.client !== undefined) text += ` client=${quote(origin.client)}`;
  for (const key of keys) {
    const value = fields[key];
    if (value !== undefined) text += ` ${key}=${shown(key, value)}`;
  }
  return text;
};

function shown(key: string, value: Value): Value {
  return typeof value === "number" ? value : quote(value, key === "stack" ? STACK_BOUND : undefined);
}
