/** The server of a dialogue: it answers with sense, or with nonsense of every kind. */

import type { Random } from "../random";
import type { Mechanism } from "./sasl";
import { HANDSHAKE, type Wire } from "./wire";

/** What a server hears: a line, and how much it had said by then. */
export interface Heard {
  readonly line: string;
  readonly after: number;
}

const SILENCE = "(silent)";
const FIN = "(ends)";
const LEAVE = "(leaves)";
const RESET = "(resets)";

const NONSENSE = [
  "+OK\r\n",
  "-ERR no\r\n",
  "-ERR [SYS/TEMP] busy\r\n",
  "-ERR [AUTH] no\r\n",
  "+ \r\n",
  "+\r\n",
  "+ eyJzdGF0dXMiOiI0MDAifQ==\r\n",
  "+ go ahead, please\r\n",
  "+x\r\n",
  "+OKAY\r\n",
  "-ERROR\r\n",
  "* OK\r\n",
  "junk\r\n",
  "\0\r\n",
  "\r\n",
  "\r\n\r\n+OK\r\n",
  "+OK\r\n\r\n",
  "+OK\r\n+OK\r\n",
  "+OK\r\n-ERR\r\n",
  "+ \r\n-ERR [AUTH] expired\r\n",
  "+ e30=\r\n+ e30=\r\n",
  "+ \r\n\r\n",
  "-ERR\r\n+OK\r\n",
  "+OK\n",
  "+ \n",
  "-ERR no",
  "+OK",
  "+ ",
  "+ok\r\n",
  ".\r\n",
  "+OK\r\n.\r\n",
  "+OK\r\nPLAIN\r\n.\r\n",
  `+OK ${"x".repeat(4085)}\r\n`,
  `+OK ${"x".repeat(5000)}\r\n`,
  `+ ${"x".repeat(12_283)}\r\n`,
  `+ ${"x".repeat(12_290)}\r\n`,
  "x".repeat(30_000),
  "+OK \x01\x80\x1b[m\r\n",
  FIN,
  LEAVE,
  RESET,
  SILENCE,
];

export class Server {
  readonly heard: Heard[] = [];
  said = "";
  /** Where each segment of what was said ends. */
  readonly ends: number[] = [];
  #rest = "";
  #last = "";
  #queue: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly random: Random,
    private readonly wire: () => Wire,
    /** How likely nonsense is. */
    private readonly nonsense: number,
    /** Waits a turn of the event loop. */
    private readonly turn: () => Promise<void>,
    private readonly told: (octets: string) => void,
  ) {}

  greet(): void {
    const { random } = this;
    this.#answer(random.pick(["+OK\r\n", "+OK ready\r\n", "+OK [XCLIENT] ready\r\n", "+OK XCLIENT <1@a>\r\n"]));
  }

  /** Octets of the gateway. */
  hear(octets: string): void {
    const all = this.#rest + octets;
    const lines = all === HANDSHAKE ? [""] : all.split("\r\n");
    this.#rest = lines.pop() as string;
    if (all === HANDSHAKE) this.#answer(HANDSHAKE, true);
    for (const line of lines) {
      this.heard.push({ line, after: this.said.length });
      const last = this.#last;
      this.#last = line;
      this.#answer(this.#sense(line, last));
    }
  }

  /** What the gateway has said without a line end. */
  get fragment(): string {
    return this.#rest;
  }

  #answer(sense: string, always = false): void {
    const { random } = this;
    const echo = () => random.pick([`-ERR bad ${this.#last}\r\n`, `+OK ${this.#last}\r\n`, `${this.#last}\r\n`]);
    const nonsense = !always && random.chance(this.nonsense);
    const answer = !nonsense ? sense : random.chance(0.1) ? echo() : random.pick(NONSENSE);
    const whole = answer.length > 200 || random.chance(0.85);
    const segments = whole ? [answer] : random.chance(0.3) ? [...answer] : random.segments(answer);
    this.#queue = this.#queue.then(() => this.#say(segments));
  }

  async #say(segments: readonly string[]): Promise<void> {
    for (const segment of segments) {
      await this.turn();
      const wire = this.wire();
      if (segment === FIN || segment === LEAVE) wire.finish(segment === LEAVE);
      else if (segment === RESET) wire.reset();
      else if (segment !== SILENCE) {
        this.said += segment;
        this.ends.push(this.said.length);
        wire.deliver(segment);
      }
      this.told(segment);
    }
  }

  #sense(line: string, last: string): string {
    const { random } = this;
    const [verb = ""] = line.split(" ", 1);
    if (verb === "CAPA") return this.#capabilities();
    if (verb === "AUTH") return random.pick(["+ \r\n", "+ \r\n", "+\r\n", "+ go ahead\r\n", "+OK go ahead\r\n"]);
    // The response to AUTH.
    if (/^AUTH [A-Z0-9-]+$/.test(last)) {
      return random.pick(["+OK 1 message\r\n", "+OK\r\n", "-ERR [AUTH] no\r\n", "+ eyJzdGF0dXMiOiI0MDEifQ==\r\n"]);
    }
    if (["", "*", "AQ=="].includes(line)) return "-ERR [AUTH] cancelled\r\n";
    if (/^(?:RETR|TOP)/.test(verb)) return "+OK\r\nSubject: x\r\n\r\nx\r\n.\r\n";
    return line === "LIST" || line === "UIDL" ? "+OK\r\n1 120\r\n.\r\n" : "+OK\r\n";
  }

  #capabilities(): string {
    const { random } = this;
    const some = (names: readonly Mechanism[]) => names.filter(() => random.chance(0.6)).join(" ");
    const sasl = random.pick(["SASL ", "SASL\t", "sasl  ", "SASL LOGIN "]) + some(["PLAIN", "OAUTHBEARER", "XOAUTH2"]);
    const lines = [
      sasl,
      "USER",
      "STLS",
      "PIPELINING",
      "TOP",
      "UTF8 USER",
      "",
      "SASL",
      "x\0y",
      "SASL  plain\t xoauth2 \r",
    ];
    const likely = [0.9, 0.4, 0.6, 0.5, 0.5, 0.1, 0.05, 0.05, 0.02, 0.1];
    const listed = lines.filter((_, at) => random.chance(likely[at] as number));
    if (random.chance(0.03)) listed.push("x".repeat(random.pick([509, 510, 511, 600])));
    if (random.chance(0.03)) listed.push(...Array.from({ length: 98 }, () => "X"));
    if (random.chance(0.03)) return `+OK\n${listed.join("\n")}\n.\n`;
    return `+OK list\r\n${[...listed, ...(random.chance(0.98) ? ["."] : [])].join("\r\n")}\r\n`;
  }
}
