/** The kinds of rows of the table of options: how an option is written on the command line and in a file. */

import { type Draft, defaults, type Options } from "./options";
import type { Choices, Kind } from "./values";

/** To whom an option belongs: the process, each service, or the command line alone. Others stand in a file, too. */
export type Scope = "process" | "service" | "command";

/** A value as TOML has it. */
export type Literal = string | number | boolean | readonly string[];

/** How an option stands in a configuration file, where its key is its long name. */
interface FileForm {
  /** What a value must be, for a person. */
  readonly expects: string;
  /**
   * Sets the option.
   *
   * @param folder where relative paths begin
   * @returns false: the value is of another type
   * @throws ElementFault if an element of an array is wrong, another Error if the value is; they say what to give instead
   */
  readonly read: (draft: Draft, value: unknown, folder: string) => boolean;
  /** The option's value; undefined: it has none. */
  readonly write: (options: Options) => Literal | undefined;
}

/** One option. */
export interface OptionRow {
  /** As commander wants it: `-t, --timeout <seconds>`. */
  readonly flags: string;
  /** The value that it sets. */
  readonly key: Key;
  readonly scope: Scope;
  /** The heading in --help under which the option stands. */
  readonly group: string;
  readonly help: string;
  /** The default in words; absent: there is none to show. */
  readonly shown?: string;
  /** Whether the value may be a secret: no message has it, and only a file that others can't read. */
  readonly secret?: true;
  /** What the value may be; absent: there is none, or only the user knows. */
  readonly choices?: Choices;
  /** Whether the value may be several of the choices, with commas between. */
  readonly list?: true;
  /** Whether the option may be given several times. */
  readonly repeats?: true;
  /** What the option does, each time it is given. @throws Error that says what to give instead */
  readonly set: (draft: Draft, text: string) => void;
  readonly file: FileForm;
}

/** What is wrong with an element of an array. */
export class ElementFault extends Error {
  constructor(
    message: string,
    /** Which one it is, from 0. */
    readonly index: number,
  ) {
    super(message);
  }
}

type Key = keyof Options;
type Element<Array> = Array extends readonly (infer One)[] ? One : never;
type BareRow = Omit<OptionRow, "group" | "scope">;

const TEXTS = "an array of texts in quotes";

/** An option with a value; the last one given counts. */
export function value<K extends Key>(
  flags: string,
  key: K,
  kind: Kind<NonNullable<Options[K]>>,
  help: string,
): BareRow {
  const standard = defaults[key];
  const shown = standard === undefined ? "" : kind.show(standard);
  const set = (draft: Draft, text: string, folder?: string) => {
    draft[key] = kind.parse(text, folder) as Draft[K];
  };
  const file = formOf(key, kind, set);
  return { flags, key, help, ...(shown !== "" && { shown }), ...choicesOf(kind), set, file };
}

function choicesOf({
  choices,
  literal,
}: Pick<Kind<unknown>, "choices" | "literal">): Pick<OptionRow, "choices" | "list"> {
  return { ...(choices && { choices }), ...(literal === "list" && { list: true }) };
}

/** The form of an option with a value, or with a list that the command line has with commas. */
function formOf<K extends Key>(
  key: K,
  { literal, show }: Pick<Kind<NonNullable<Options[K]>>, "literal" | "show">,
  set: (draft: Draft, text: string, folder?: string) => void,
): FileForm {
  const write = (options: Options) => (options[key] === undefined ? undefined : show(options[key]));
  if (literal === "integer") {
    return {
      expects: "a whole number, without quotes",
      read(draft, given) {
        if (typeof given !== "number") return false;
        set(draft, String(given));
        return true;
      },
      write: (options) => (options[key] === undefined ? undefined : Number(write(options))),
    };
  }
  const read = (draft: Draft, given: unknown, folder: string) => {
    if (typeof given !== "string") return false;
    set(draft, given, folder);
    return true;
  };
  if (literal === undefined) return { expects: "a text in quotes", read, write };
  return {
    expects: `${TEXTS}, or one text with commas`,
    read(draft, given, folder) {
      if (!isTexts(given)) return read(draft, given, folder);
      // Each by itself, so that the place of a fault is known.
      if (given.length > 1) eachOf(given, (one) => set({ ...draft }, one, folder));
      // An empty list of servers permits none.
      if (given.length > 0 || defaults[key] === undefined) set(draft, given.join(","), folder);
      else draft[key] = defaults[key] as Draft[K];
      return true;
    },
    write(options) {
      const text = write(options);
      return text === undefined ? undefined : text === "" ? [] : text.split(",");
    },
  };
}

/** An option with a value that may be given several times. */
export function each<K extends "authHttpHeaders" | "listen" | "serverPins" | "sources" | "tlsCerts" | "tlsKeys">(
  flags: string,
  key: K,
  kind: Kind<Element<Options[K]>>,
  help: string,
): BareRow {
  const put = (draft: Draft, list: readonly Element<Options[K]>[]) => {
    draft[key] = list as unknown as Draft[K];
  };
  const list = (options: Options) => options[key] as readonly Element<Options[K]>[];
  return {
    flags,
    key,
    help,
    ...choicesOf(kind),
    repeats: true,
    set: (draft, text) => put(draft, [...list(draft), kind.parse(text)]),
    file: {
      expects: TEXTS,
      read(draft, given, folder) {
        if (!isTexts(given)) return false;
        put(
          draft,
          eachOf(given, (one) => kind.parse(one, folder)),
        );
        return true;
      },
      write: (options) => list(options).map(kind.show),
    },
  };
}

function isTexts(given: unknown): given is readonly string[] {
  return Array.isArray(given) && given.every((one) => typeof one === "string");
}

/** @throws ElementFault with what `read` throws */
function eachOf<Read>(given: readonly string[], read: (one: string) => Read): Read[] {
  return given.map((one, index) => {
    try {
      return read(one);
    } catch (thrown) {
      throw new ElementFault((thrown as Error).message, index);
    }
  });
}

type Flag = { [K in Key]: Options[K] extends boolean ? K : never }[Key];

/** An option without a value. @param given what it sets when it is given */
export function flag(flags: string, key: Flag, help: string, given = true): BareRow {
  return {
    flags,
    key,
    help,
    set: (draft) => {
      draft[key] = given;
    },
    file: {
      expects: "true or false, without quotes",
      read(draft, value) {
        if (typeof value !== "boolean") return false;
        draft[key] = value === given;
        return true;
      },
      write: (options) => options[key] === given,
    },
  };
}

/** The long name of an option, which is its key in a configuration file. */
export function longName({ flags }: Pick<OptionRow, "flags">): string {
  return /--([a-z0-9-]+)/.exec(flags)?.[1] ?? "";
}

/** A row whose value may be a secret. */
export function secret(row: BareRow): BareRow {
  return { ...row, secret: true };
}

/** A row that belongs to something else than each service. */
export function of(scope: Scope, row: BareRow): Omit<OptionRow, "group"> {
  return { ...row, scope };
}

/** The rows of one heading. @param rows those without a scope belong to each service */
export function group(heading: string, ...rows: readonly (BareRow & { readonly scope?: Scope })[]): OptionRow[] {
  return rows.map((row) => ({ scope: "service", ...row, group: heading }));
}
