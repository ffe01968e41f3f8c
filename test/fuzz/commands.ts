/**
 * The model of a client's leg: what the gateway makes of the octets of a client. It is written from RFC 1939 and from
 * the manual, and imports nothing of the gateway.
 */

import type { Stream } from "./journal";

export type Leg = "none" | "starttls" | "tls";

/** A command that the server is to hear. */
export interface Forward {
  readonly kind: "forward";
  readonly verb: string;
  readonly line: string;
  /** Whether a positive response is multi-line. */
  readonly multi: boolean;
}

/** A line that the gateway answers itself. */
export interface Own {
  readonly kind: "own";
  readonly text: string;
  /** Whether it may also be missing: a line without an end that is too long. */
  readonly optional?: boolean;
}

export type Item = Forward | Own;

/** What a client has said, and what the gateway owes it. */
export interface Said {
  /** What it hears before it has given credentials, the greeting included; in clear, and under TLS. */
  readonly clear: readonly string[];
  readonly secret: readonly string[];
  /** What it may hear behind that: the answer to a line that is too long and has no end. */
  readonly perhaps: string;
  readonly login: { readonly user: string; readonly password: string } | null;
  /** What follows the login, if it succeeds. */
  readonly items: readonly Item[];
  /** How it ends by the client's own words; "open": it has not said QUIT. */
  readonly end: "open" | "quit" | "unsupported" | "not-pop3" | "client-tls";
}

export const GREETING = "+OK POP3 server ready\r\n";
export const BEGIN_TLS = "+OK begin TLS negotiation\r\n";
export const LISTED = "+OK capability list follows\r\n";
export const OWN_LIST = ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING"];

const TAKES: Readonly<Record<string, RegExp>> = {
  STAT: /^ *$/,
  LIST: /^ *(\d{1,10})? *$/,
  RETR: /^ *(\d{1,10}) *$/,
  UIDL: /^ *(\d{1,10})? *$/,
  DELE: /^ *(\d{1,10}) *$/,
  TOP: /^ *(\d{1,10}) +(\d{1,10}) *$/,
  LAST: /^ *$/,
  NOOP: /^ *$/,
  RSET: /^ *$/,
  QUIT: /^ *$/,
  CAPA: /^ *$/,
  STLS: /^ *$/,
};

const FAULTS: Readonly<Record<string, string>> = {
  LIST: "takes at most one message number",
  UIDL: "takes at most one message number",
  RETR: "takes a message number",
  DELE: "takes a message number",
  TOP: "takes a message number and a number of lines",
  USER: "takes an argument",
};

const FOREIGN = /^(?:GET |POST |(?:EHLO|HELO|MAIL|RCPT|DATA)(?: |$)|PROXY (?:TCP4|TCP6|UNKNOWN))/i;
const PROXY_V2 = "\r\n\r\n\0\r\nQUIT\n";

type Verdict =
  | Forward
  | Own
  | { readonly kind: "unsupported" }
  | { readonly kind: "user"; text: string }
  | { readonly kind: "pass"; text: string };

const own = (text: string): Own => ({ kind: "own", text: `${text}\r\n` });

export class ClientModel {
  readonly #clear: string[] = [GREETING];
  readonly #secret: string[] = [];
  readonly #items: Item[] = [];
  #user: string | null = null;
  #perhaps = "";
  #login: Said["login"] = null;
  #end: Said["end"] = "open";
  #unsupported = 0;
  #secured: boolean;
  #first = true;

  constructor(
    private readonly leg: Leg,
    private readonly capa: boolean,
  ) {
    this.#secured = leg === "tls";
  }

  /** @param ended whether the client has ended its input */
  read(sent: Stream, ended: boolean): Said {
    const { text, clear } = sent;
    // A listener that expects TLS says nothing in clear.
    if (this.leg === "tls") this.#secret.push(...this.#clear.splice(0));
    if (this.leg === "tls" && clear > 0) {
      this.#end = "client-tls";
    } else if (text[0] === "\x16" || text.startsWith(PROXY_V2)) {
      this.#end = "not-pop3";
    } else if (this.leg === "tls") {
      this.#readAll(text, ended);
    } else if (this.#readAll(text.slice(0, clear), ended && clear === text.length) < clear) {
      if (this.#end === "open") this.#end = "client-tls";
    } else if (clear < text.length) {
      this.#readAll(text.slice(clear), ended);
    }
    return {
      clear: this.#clear,
      secret: this.#secret,
      perhaps: this.#perhaps,
      login: this.#login,
      items: this.#items,
      end: this.#end,
    };
  }

  /** @returns how many octets were looked at */
  #readAll(text: string, ended: boolean): number {
    let at = 0;
    for (let next = text.indexOf("\n"); next >= 0 && this.#end === "open"; next = text.indexOf("\n", at)) {
      const octets = next + 1 - at;
      const line = text.slice(at, next).replace(/\r$/, "");
      at = next + 1;
      if (this.#line(line, octets) === "stls") return at;
    }
    const rest = text.slice(at);
    if (this.#end === "open" && ended && /^quit$/i.test(rest)) this.#line(rest, rest.length);
    else if (this.#end === "open" && ended && rest.length >= 1024)
      this.#reply({ ...own("-ERR command line too long"), optional: true });
    return text.length;
  }

  #line(line: string, octets: number): "stls" | undefined {
    const first = this.#first;
    this.#first = false;
    if (first && FOREIGN.test(line)) {
      this.#end = "not-pop3";
      return;
    }
    const verdict = octets > 1024 ? own("-ERR command line too long") : this.#verdict(line, octets);
    if (verdict.kind === "unsupported") {
      this.#unsupported++;
      if (this.#unsupported > 5) this.#end = "unsupported";
      this.#reply(own(this.#unsupported > 5 ? "-ERR too many unsupported commands" : "-ERR unsupported command"));
    } else if (verdict.kind === "user") {
      this.#user = verdict.text;
      this.#reply(own("+OK password required"));
    } else if (verdict.kind === "pass") {
      this.#login = { user: this.#user ?? "", password: verdict.text };
    } else {
      if (verdict.kind === "forward" && verdict.verb === "QUIT") this.#end = "quit";
      if (verdict.kind === "own" && verdict.text === "+OK bye\r\n") this.#end = "quit";
      this.#reply(verdict);
      if (verdict.kind === "own" && verdict.text === BEGIN_TLS) return this.#stls();
    }
    return;
  }

  #stls(): "stls" {
    this.#secured = true;
    this.#user = null;
    return "stls";
  }

  #reply(item: Item): void {
    if (this.#login) this.#items.push(item);
    else if (item.kind === "own" && item.optional) this.#perhaps = item.text;
    else if (item.kind === "own") this.#preface.push(item.text);
  }

  get #preface(): string[] {
    return this.#secured ? this.#secret : this.#clear;
  }

  #verdict(line: string, octets: number): Verdict {
    if (/[\x00-\x1f\x7f]/.test(line)) return own("-ERR control character in command");
    const verb = /^([A-Za-z]+)(?: |$)/.exec(line)?.[1]?.toUpperCase() ?? "";
    const text = line.slice(verb.length);
    const long = verb === "USER" || verb === "PASS";
    if (octets > 255 && !long) return own("-ERR command line too long");
    const capa = this.capa || this.leg === "starttls";
    const takes = TAKES[verb];
    if ((!takes && !long) || (verb === "CAPA" && !capa) || (verb === "STLS" && this.leg !== "starttls")) {
      return { kind: "unsupported" };
    }
    if (!takes) return this.#credentials(verb, text);
    const numbers = takes
      .exec(text)
      ?.slice(1)
      .filter((digits) => digits !== undefined);
    if (!numbers || Number(numbers[0] ?? 1) === 0) return own(`-ERR ${verb} ${FAULTS[verb] ?? "takes no argument"}`);
    if (!this.#login) return this.#before(verb, capa);
    if (verb === "STLS") return own("-ERR already logged in");
    const multi = ["RETR", "TOP", "CAPA"].includes(verb) || (["LIST", "UIDL"].includes(verb) && numbers.length === 0);
    return { kind: "forward", verb, line: [verb, ...numbers.map((digits) => Number(digits))].join(" "), multi };
  }

  #credentials(verb: string, text: string): Verdict {
    const argument = verb === "USER" ? text.slice(1).replace(/ +$/, "") : text.slice(1);
    if (verb === "USER" && argument === "") return own("-ERR USER takes an argument");
    if (this.#login) return own("-ERR already logged in");
    if (this.leg === "starttls" && !this.#secured) return own("-ERR [SYS/PERM] use STLS first");
    if (verb === "USER") return { kind: "user", text: argument };
    return this.#user === null ? own("-ERR give USER first") : { kind: "pass", text: argument };
  }

  /** A command other than USER and PASS before the login. */
  #before(verb: string, capa: boolean): Verdict {
    if (verb === "QUIT") return own("+OK bye");
    if (verb === "NOOP" && capa) return own("+OK");
    if (verb === "STLS") return this.#secured ? own("-ERR TLS is active already") : { kind: "own", text: BEGIN_TLS };
    if (verb !== "CAPA") return own("-ERR login first");
    const [top, uidl, ...rest] = OWN_LIST;
    const offered = this.leg === "starttls" && !this.#secured ? ["STLS"] : ["USER"];
    return { kind: "own", text: `${LISTED}${[top, uidl, ...offered, ...rest, "."].join("\r\n")}\r\n` };
  }
}
