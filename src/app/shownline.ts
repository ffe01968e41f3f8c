/** Texts of others in what --check prints. */

import { plain } from "../log/destination";

/** The longest text of a server or of the system that is shown, in characters. */
const BOUND = 512;

/** A text as printable ASCII on one line. */
export function shownLine(text: string): string {
  return plain(text, BOUND);
}
