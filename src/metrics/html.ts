/** Text of others in HTML: everything is escaped, and octets become readable text. */

/** The longest text that is shown, in characters. */
const BOUND = 120;

/** Characters that are not visible, or change the direction of what stands around them. */
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** Octets (latin1) of a client or a server as text: UTF-8 where they are, and nothing that could deceive a reader. */
export function readable(octets: string): string {
  const cut = octets.length > BOUND ? `${octets.slice(0, BOUND)}…` : octets;
  const text = /^[ -~]*$/.test(cut) ? cut : textOf(octets.slice(0, BOUND)) + cut.slice(BOUND);
  return text.replace(INVISIBLE, "\u{fffd}");
}

function textOf(octets: string): string {
  return new TextDecoder("utf-8").decode(Buffer.from(octets, "latin1"));
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** A piece of HTML, as opposed to text. */
export class Html {
  constructor(readonly text: string) {}
}

type Piece = Html | string | number | readonly Piece[];

/** A template of HTML: what is put into it is escaped, unless it is HTML itself. */
export function html(strings: TemplateStringsArray, ...pieces: readonly Piece[]): Html {
  return new Html(
    strings.map((text, index) => (index === 0 ? text : rendered(pieces[index - 1] as Piece) + text)).join(""),
  );
}

function rendered(piece: Piece): string {
  if (piece instanceof Html) return piece.text;
  if (typeof piece === "object") return piece.map(rendered).join("");
  return String(piece).replace(/[&<>"']/g, (character) => ENTITIES[character] as string);
}
