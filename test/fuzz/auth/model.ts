/**
 * The model of a client's leg up to complete credentials: what a client's octets are answered, and the login in them. It
 * imports nothing of the gateway.
 */

import { decode, type Login, type Mechanism, read } from "./sasl";
import { HANDSHAKE } from "./wire";

export interface Rules {
  readonly mechanisms: readonly Mechanism[];
  readonly utf8: boolean;
  /** How the client's TLS begins, and whether it may log in before. */
  readonly tls: "none" | "starttls" | "tls";
  readonly cleartext: boolean;
}

/** What a client is answered: a text, or what it matches. */
export type Reply = string | RegExp;

export interface Reading {
  readonly replies: readonly Reply[];
  /** Complete credentials; null: there are none. */
  readonly login: (Login & { readonly mechanism: Mechanism | null; readonly utf8: boolean }) | null;
  /** The octets behind them. */
  readonly rest: string;
}

const OK = /\+OK[ -~]*\r\n/y;
const ERR = /-ERR [ -~]{1,505}\r\n/y;
const LONGEST = 12_288;
const LOGIN_LONGEST = 1024;
const NUMBERED: Readonly<Record<string, readonly number[]>> = {
  STAT: [0],
  LIST: [0, 1],
  RETR: [1],
  UIDL: [0, 1],
  DELE: [1],
  TOP: [2],
  LAST: [0],
  NOOP: [0],
  RSET: [0],
  CAPA: [0],
  STLS: [0],
  UTF8: [0],
  QUIT: [0],
};
const FOREIGN = [/^(?:get|post) /i, /^(?:ehlo|helo|mail|rcpt|data)(?: |$)/i, /^PROXY (?:TCP4|TCP6|UNKNOWN)/];
const PROXY = "\r\n\r\n\0\r\nQUIT\n";

/** How a line begins and ends: "over": too long. */
type Line = { readonly text: string; readonly octets: number } | "over" | null;

/** Reads a client's octets. @param ended whether its input has ended */
export function readClient(octets: string, ended: boolean, rules: Rules): Reading {
  return new Model(octets, ended, rules).read();
}

class Model {
  readonly #replies: Reply[] = [];
  #at = 0;
  #secure = false;
  #utf8 = false;
  #user: string | null = null;
  #unsupported = 0;
  #login: Reading["login"] = null;

  constructor(
    private readonly octets: string,
    private readonly ended: boolean,
    private readonly rules: Rules,
  ) {}

  read(): Reading {
    if (this.rules.tls !== "tls" || this.#shakesHands()) {
      this.#say(OK);
      if (!this.#isForeign()) for (let first = true; this.#step(first); first = false);
    }
    return { replies: this.#replies, login: this.#login, rest: this.octets.slice(this.#at) };
  }

  #say(...replies: readonly Reply[]): true {
    this.#replies.push(...replies);
    return true;
  }

  #shakesHands(): boolean {
    if (this.octets[this.#at] !== HANDSHAKE) return false;
    this.#at++;
    this.#secure = true;
    return this.#say(HANDSHAKE);
  }

  /** Whether the first octets are those of another protocol, or may still become that. */
  #isForeign(): boolean {
    const rest = this.octets.slice(this.#at, this.#at + PROXY.length);
    return rest.startsWith(HANDSHAKE) || rest === PROXY || (PROXY.startsWith(rest) && !this.ended);
  }

  #line(limit: number): Line {
    const next = this.octets.indexOf("\n", this.#at);
    const length = (next < 0 ? this.octets.length : next + 1) - this.#at;
    if (length > limit || (next < 0 && length === limit)) {
      this.#at += length;
      return next < 0 && !this.ended ? null : "over";
    }
    if (next < 0) return null;
    const text = this.octets.slice(this.#at, next).replace(/\r$/, "");
    this.#at += length;
    return { text, octets: length };
  }

  /** One line. @returns whether there may be another one */
  #step(first: boolean): boolean {
    const { rules, octets } = this;
    const begun = octets.slice(this.#at).split(/\r?\n/, 1)[0] ?? "";
    const line = this.#line(rules.mechanisms.length > 0 ? LONGEST : LOGIN_LONGEST);
    if (first && line !== null && FOREIGN.some((foreign) => foreign.test(begun))) return false;
    if (line === "over") return this.#say(ERR);
    if (line !== null) return this.#command(line.text, line.octets);
    // A QUIT without its line end.
    if (this.ended && /^quit$/i.test(octets.slice(this.#at))) this.#say(OK);
    return false;
  }

  #command(text: string, octets: number): boolean {
    const { rules } = this;
    if (/[\x00-\x1f\x7f]/.test(text)) return this.#say(ERR);
    const [verb = ""] = /^[A-Za-z0-9]+/.exec(text) ?? [];
    const name = text === verb || text[verb.length] === " " ? verb.toUpperCase() : "";
    const rest = text === verb ? null : text.slice(verb.length + 1);
    const capa = rules.mechanisms.length > 0 || rules.utf8 || rules.tls === "starttls";
    const permitted =
      name === "AUTH"
        ? rules.mechanisms.length > 0
        : name === "USER" || name === "PASS"
          ? true
          : name in NUMBERED &&
            (name !== "CAPA" || capa) &&
            (name !== "STLS" || rules.tls === "starttls") &&
            (name !== "UTF8" || rules.utf8);
    const limit = !permitted ? 255 : name === "AUTH" ? LONGEST : /^(?:USER|PASS)$/.test(name) ? LOGIN_LONGEST : 255;
    if (octets > limit) return this.#say(ERR);
    if (!permitted) return this.#refuse();
    if (name === "AUTH") return this.#auth(rest ?? "");
    if (name === "USER" || name === "PASS") return this.#userOrPass(name, rest);
    const words = (rest ?? "").split(" ").filter((word) => word !== "");
    const numbers = words.every((word) => /^\d{1,10}$/.test(word)) && NUMBERED[name]?.includes(words.length);
    if (!numbers || (words.length > 0 && Number(words[0]) === 0)) return this.#say(ERR);
    return this.#other(name, capa);
  }

  /** Counts a command that is not permitted. */
  #refuse(): boolean {
    this.#say(ERR);
    return ++this.#unsupported <= 5;
  }

  get #mayLogIn(): boolean {
    return this.rules.tls === "none" || this.#secure || this.rules.cleartext;
  }

  #userOrPass(name: string, rest: string | null): boolean {
    if (name === "USER") {
      const user = (rest ?? "").replace(/ +$/, "");
      if (user === "" || !this.#mayLogIn) return this.#say(ERR);
      this.#user = user;
      return this.#say(OK);
    }
    if (!this.#mayLogIn || this.#user === null) return this.#say(ERR);
    this.#login = { user: this.#user, secret: rest ?? "", token: false, mechanism: null, utf8: this.#utf8 };
    return false;
  }

  #auth(rest: string): boolean {
    const words = rest.replace(/ +$/, "").split(" ");
    const { mechanisms } = this.rules;
    if (words.length === 1 && words[0] === "") {
      return this.#mayLogIn ? this.#say(OK, `${mechanisms.join("\r\n")}\r\n.\r\n`) : this.#say(ERR);
    }
    const [name = "", inline] = words;
    if (words.length > 2 || inline === "" || !/^[\w-]{1,20}$/.test(name)) return this.#say(ERR);
    const mechanism = mechanisms.find((one) => one === name.toUpperCase());
    if (!mechanism) return this.#refuse();
    if (!this.#mayLogIn) return this.#say(ERR);
    let response = inline === "=" ? "" : inline;
    if (response === undefined) {
      this.#say("+ \r\n");
      const line = this.#line(LONGEST);
      if (line === null) return false;
      if (line === "over") return this.#say(ERR);
      response = line.text;
    }
    const decoded = decode(response);
    const login = decoded === null ? null : read(mechanism, decoded);
    // A name is what it would be in USER.
    const user = login?.user.replace(/ +$/, "") ?? "";
    if (!login || user === "") return this.#say(ERR);
    this.#login = { ...login, user, mechanism, utf8: this.#utf8 };
    return false;
  }

  #other(name: string, capa: boolean): boolean {
    const { rules } = this;
    const stls = rules.tls === "starttls" && !this.#secure && !this.#utf8;
    if (name === "QUIT") {
      this.#say(OK);
      return false;
    }
    if (name === "CAPA") {
      const own = ["TOP", "UIDL"];
      if (this.#mayLogIn) own.push("USER");
      if (this.#mayLogIn && rules.mechanisms.length > 0) own.push(`SASL ${rules.mechanisms.join(" ")}`);
      if (stls) own.push("STLS");
      if (rules.utf8) own.push("UTF8");
      return this.#say(OK, `${[...own, "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "."].join("\r\n")}\r\n`);
    }
    if (name === "STLS" && stls) {
      this.#say(OK);
      this.#user = null;
      return this.#shakesHands();
    }
    if (name === "UTF8") this.#utf8 = true;
    return this.#say(name === "UTF8" || (name === "NOOP" && capa) ? OK : ERR);
  }
}
