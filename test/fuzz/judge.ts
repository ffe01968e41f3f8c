/** What must hold of every play. It sees only what the peers did and heard, and the log. */

import { type Answer, type Asked, type Reading, readings, type ServerSaid } from "./answers";
import { ClientModel, type Forward, type Item, type Leg, type Said } from "./commands";
import { type Entry, lengthAt, type Stream, streamOf } from "./journal";

export interface Play {
  readonly entries: readonly Entry[];
  readonly client: Leg;
  readonly server: Leg;
  /** Whether the gateway answers CAPA, and whether it may pipeline. */
  readonly capa: boolean;
  readonly pipelining: boolean;
}

/** What the gateway says when a server fails. */
const LOST = ["-ERR [SYS/TEMP] connection to server lost\r\n"];
const LOST_AT_LOGIN = [
  ...LOST,
  "-ERR [SYS/TEMP] server not available\r\n",
  "-ERR [SYS/TEMP] server not reachable\r\n",
  "-ERR [SYS/TEMP] no secure connection to server\r\n",
];

/** So many octets before a reset may not have reached the gateway: two of the longest lines. */
const LOST_BY_RESET = 8192;

/** A piece of what the client is to hear. */
interface Piece {
  readonly text: string;
  /** The answer of the server that it is; -1: the gateway's own, before the login; -2: likewise, after it. */
  readonly answer: number;
  readonly optional: boolean;
}

export class Judge {
  readonly #play: Play;
  readonly #said: Said;
  readonly #asked: readonly Asked[];
  readonly #heard: Stream;
  readonly #toServer: Stream;
  readonly #fromServer: Stream;
  readonly #fromClient: Stream;
  /** Where the client broke off, as a number of an entry; Infinity: it heard the end first. */
  readonly #brokeOff: number;
  /** So many octets of the server are as they should be. */
  readonly #proper: number;

  constructor(play: Play) {
    const { entries } = play;
    this.#play = play;
    this.#heard = streamOf(entries, "client", "heard");
    this.#toServer = streamOf(entries, "server", "heard");
    this.#fromServer = streamOf(entries, "server", "wrote");
    this.#fromClient = streamOf(entries, "client", "wrote");
    const inputEnded = this.#first("client", "half-closes", "closes", "resets") < Infinity;
    this.#said = new ClientModel(play.client, play.capa).read(this.#fromClient, inputEnded);
    this.#asked = askedOf(this.#said, play.server);
    const left = this.#first("client", "closes", "resets");
    this.#brokeOff = left < this.#first("client", "ended") ? left : Infinity;
    const dirty = this.#first("server", "dirty");
    this.#proper = dirty === Infinity ? Infinity : lengthAt(this.#fromServer, dirty);
  }

  /** Whether the client ended the session by its own words, with all that it asked for. */
  get said(): Said {
    return this.#said;
  }

  /** The faults of the play; none: all holds. */
  faults(): string[] {
    const { text, clear } = this.#fromServer;
    const faults = this.#faultsOf({ text, clear, ended: this.#serverEnded });
    if (!this.#serverReset) return faults;
    // A reset destroys what is under way, and the gateway may have had any part of a last line.
    const least = Math.max(clear, text.length - LOST_BY_RESET);
    for (let length = text.length; faults.length > 0 && length >= least; length--) {
      if (this.#faultsOf({ text: text.slice(0, length), clear, ended: "surely" }).length === 0) return [];
    }
    return faults;
  }

  /** @param said what of it has reached the gateway */
  #faultsOf(said: Omit<ServerSaid, "declared">): string[] {
    const writes = this.#fromClient.marks.map(({ at }) => at);
    const declared = (end: number) => {
      const at = this.#fromServer.marks.find((mark) => mark.end >= end)?.at ?? Infinity;
      return writes.some((write) => write > at);
    };
    let first: string[] | null = null;
    const fits = (answers: readonly Answer[]) => first === null || this.#fits(answers);
    for (const reading of readings({ ...said, declared }, this.#asked, fits)) {
      const faults = [...this.#ofClient(reading), ...this.#ofServer(reading)];
      if (faults.length === 0) return [];
      first ??= faults;
    }
    return first ?? ["the model has no reading"];
  }

  #first(who: Entry["who"], ...deeds: readonly Entry["deed"][]): number {
    const at = this.#play.entries.findIndex((entry) => entry.who === who && deeds.includes(entry.deed));
    return at < 0 ? Infinity : at;
  }

  #fits(answers: readonly Answer[]): boolean {
    const { text, clear } = this.#heard;
    let at = clear === text.length && this.#said.secret.length === 0 ? 0 : clear;
    for (const piece of this.#pieces({ answers, stop: "lost" })) {
      if (!text.startsWith(piece.text, at)) return piece.text.startsWith(text.slice(at)) || piece.answer < 0;
      at += piece.text.length;
    }
    return true;
  }

  /** What the client is to hear on the leg on which it has logged in. */
  #pieces({ answers, stop }: Reading): Piece[] {
    const { clear, secret, perhaps, items } = this.#said;
    const pieces = (secret.length > 0 ? secret : clear).map((text): Piece => ({ text, answer: -1, optional: false }));
    if (perhaps !== "") pieces.push({ text: perhaps, answer: -1, optional: true });
    const logins = this.#asked.filter(({ kind }) => kind !== "transaction").length;
    for (const [index, { text }] of answers.slice(0, logins).entries()) {
      if (text !== "") pieces.push({ text, answer: index, optional: false });
    }
    if (answers.length < logins || stop === "over") return pieces;
    let next = logins;
    for (const item of items) {
      if (item.kind === "own") {
        pieces.push({ text: item.text, answer: -2, optional: item.optional === true });
        continue;
      }
      const answer = answers[next];
      if (!answer) break;
      pieces.push({ text: answer.text, answer: next, optional: false });
      next++;
    }
    return pieces;
  }

  #ofClient(reading: Reading): string[] {
    const { text } = this.#heard;
    const inClear = this.#said.clear.join("");
    const secret = this.#said.secret.length > 0;
    const stays = this.#brokeOff === Infinity;
    const clear = secret ? this.#heard.clear : 0;
    const foreign = commonLength(text.slice(0, clear), inClear);
    // The alert of a handshake that has failed.
    const alert = /^(?!.)|^\x15/s;
    if (this.#said.end === "client-tls") {
      const rest = text.slice(commonLength(text, inClear));
      return alert.test(rest) ? [] : [`client heard ${show(rest)}, and no handshake`];
    }
    if (foreign < clear) return [`client heard in clear ${show(text.slice(foreign, clear))}`];
    let rest = text.slice(clear);
    const pieces = this.#pieces(reading);
    let done = -1;
    let index = 0;
    for (; index < pieces.length; index++) {
      const piece = pieces[index] as Piece;
      if (!rest.startsWith(piece.text)) break;
      rest = rest.slice(piece.text.length);
      done = piece.answer < 0 ? done : piece.answer;
    }
    const piece = pieces[index];
    const missing = pieces.slice(index).find((each) => !each.optional && this.#must(each, reading));
    if (stays && missing) return [`client missed ${show(missing.text)}, heard last ${show(rest)}`];
    if (rest === "") return [];
    if (piece && rest.length < piece.text.length && piece.text.startsWith(rest)) {
      const body = piece.answer >= 0 && rest.includes("\r\n");
      return stays && !body ? [`client heard half a line: ${show(rest)}`] : [];
    }
    return this.#lastWords(rest, piece, done, reading);
  }

  /** What the client hears beyond the answers of the server. */
  #lastWords(rest: string, piece: Piece | undefined, done: number, { answers, stop }: Reading): string[] {
    const logins = this.#asked.filter(({ kind }) => kind !== "transaction").length;
    const atLogin = done < logins - 1 && this.#said.login !== null;
    const known = (atLogin ? LOST_AT_LOGIN : LOST).some(
      (text) => text === rest || (this.#brokeOff < Infinity && text.startsWith(rest)),
    );
    if (!known) return [`client heard ${show(rest)}, not ${show(piece?.text ?? "")}`];
    if (this.#proper === Infinity) return [`client heard ${show(rest)} though the server did nothing wrong`];
    const closed = stop === "faulty" && !atLogin && !this.#serverReset;
    if (closed && this.#asked[answers.length]?.command?.verb !== "CAPA")
      return [`client heard ${show(rest)} of a server that does not speak POP3`];
    if (answers.some(({ open }) => open) && piece === undefined && !atLogin)
      return [`client heard ${show(rest)} in a mail`];
    const unanswered = atLogin || this.#asked.length > answers.length || stop === "lost" || piece !== undefined;
    return unanswered ? [] : [`client heard ${show(rest)} though nothing was unanswered`];
  }

  /** Whether a client that stays must hear this. */
  #must({ answer }: Piece, { answers }: Reading): boolean {
    if (answer === -1) return true;
    if (answer === -2) return this.#proper === Infinity && !this.#serverReset;
    const { end = 0, open = true } = answers[answer] ?? {};
    return !open && end <= this.#proper && !this.#serverReset;
  }

  get #serverEnded(): "surely" | "perhaps" | "no" {
    if (this.#first("server", "resets", "closes") < Infinity) return "perhaps";
    return this.#first("server", "half-closes") < Infinity ? "surely" : "no";
  }

  get #serverReset(): boolean {
    return this.#first("server", "resets", "closes") < Infinity;
  }

  #ofServer(reading: Reading): string[] {
    const { text, clear } = this.#toServer;
    const lines = this.#asked
      .slice(1)
      .map(({ command, kind }) => (kind === "list" ? "CAPA" : kind === "stls" ? "STLS" : (command?.line ?? "")));
    const before = this.#play.server === "starttls" ? 2 : 0;
    const inClear = lines.slice(0, before).map(crlf).join("");
    const wanted = lines.map(crlf).join("");
    let heard = text;
    if (before > 0) {
      // The handshake may follow in clear where no TLS was answered.
      const first = text.slice(0, clear).replace(/^(CAPA\r\nSTLS\r\n)\x16.*$/s, "$1");
      if (!inClear.startsWith(first)) return [`server heard in clear ${show(first)}`];
      heard = first + text.slice(clear);
    } else if (this.#play.server === "tls" && clear > 0) {
      return [`server heard in clear ${show(text)}`];
    }
    if (!wanted.startsWith(heard))
      return [
        `server heard ${show(heard.slice(commonLength(heard, wanted)))} behind ${show(heard.slice(0, commonLength(heard, wanted)).slice(-100))}`,
      ];
    const stays = this.#brokeOff === Infinity;
    if (this.#proper === Infinity && heard !== wanted && reading.stop !== "over" && (stays || this.#mustGo)) {
      return [`server did not hear ${show(wanted.slice(heard.length))}`];
    }
    return this.#inTurn(reading, lines, inClear.length > 0 ? text.length - heard.length : 0);
  }

  /** Whether all that a client said before it broke off counts: a QUIT, and no mail on its way. */
  get #mustGo(): boolean {
    const { end, items, login } = this.#said;
    const mail = items.some((item) => item.kind === "forward" && ["RETR", "TOP"].includes(item.verb));
    return login !== null && end === "quit" && !mail && this.#fromClient.text.length < 12_000;
  }

  /** No command before the answer to the one before it, unless the server pipelines; DELE and QUIT after every mail. */
  #inTurn({ answers }: Reading, lines: readonly string[], handshake: number): string[] {
    const ends = answers.map(({ end, open }) => (open ? Infinity : end));
    let length = 0;
    let learnt = -1;
    let mail = -1;
    for (const [index, line] of lines.entries()) {
      const from = length + (length >= 12 ? handshake : 0);
      length += line.length + 2;
      const arrival = this.#toServer.marks.find(({ end }) => end > from)?.at;
      if (arrival === undefined) return [];
      const { kind, command } = this.#asked[index + 1] as Asked;
      const final = command?.verb === "DELE" || command?.verb === "QUIT";
      const listed = this.#play.pipelining && answers[index]?.capabilities.includes("PIPELINING");
      if (listed && learnt < 0) learnt = index;
      const before = kind !== "transaction" || learnt < 0 ? index : Math.max(learnt, final ? mail : -1);
      if (lengthAt(this.#fromServer, arrival) < (ends[before] ?? Infinity)) {
        return [`server heard ${show(line)} before its answer to ${show(lines[before - 1] ?? "nothing")} was complete`];
      }
      if (final && this.#brokeOffIn(answers, mail))
        return [`server heard ${show(line)} behind a mail that was not taken`];
      if (command?.verb === "RETR" || command?.verb === "TOP") mail = index + 1;
    }
    return [];
  }

  /** Whether the client had reset its connection, and some time passed, before the server wrote the end of this mail. */
  #brokeOffIn(answers: readonly Answer[], mail: number): boolean {
    const answer = answers[mail];
    if (!answer?.positive) return false;
    const { entries } = this.#play;
    const reset = this.#first("client", "resets");
    const written = this.#fromServer.marks.find(({ end }) => end >= answer.end)?.at ?? Infinity;
    const rests = entries.findIndex(({ who, deed }, at) => at > reset && who === "server" && deed === "rests");
    const rested = entries.findIndex(({ who, deed }, at) => at > rests && who === "server" && deed === "rested");
    return rests >= 0 && rested >= 0 && rested < written && written < Infinity;
  }
}

const crlf = (line: string): string => `${line}\r\n`;
const show = (text: string): string => JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}...` : text);

function commonLength(one: string, other: string): number {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at++;
  return at;
}

/** What the gateway asks a server for this client. */
function askedOf({ login, items }: Said, leg: Leg): Asked[] {
  if (!login) return [];
  const command = (line: string): Forward => ({ kind: "forward", verb: line.slice(0, 4), line, multi: false });
  const forwards = items.filter((item: Item): item is Forward => item.kind === "forward");
  return [
    { kind: "greeting", command: null },
    ...(leg === "starttls"
      ? ([
          { kind: "list", command: null },
          { kind: "stls", command: null },
        ] as const)
      : []),
    { kind: "user", command: command(`USER ${login.user}`) },
    { kind: "pass", command: command(`PASS ${login.password}`) },
    ...forwards.map((each): Asked => ({ kind: "transaction", command: each })),
  ];
}
