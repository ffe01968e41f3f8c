/** Plays a server: it answers each command by chance, in order or not. */

import type { Peer } from "../stage/peer";
import { bodyOf, capabilitiesOf, listOf, statusText } from "./bodies";
import type { Leg } from "./commands";
import { follow } from "./follow";
import type { Journal } from "./journal";
import { misdeed } from "./misdeeds";
import type { Bodies } from "./plan";
import type { Random } from "./random";

export interface Style {
  readonly leg: Leg;
  /** How likely an answer breaks the protocol. */
  readonly dirty: number;
  /** How its lines end; "both": as it happens. */
  readonly ends: "\r\n" | "\n" | "both";
  readonly bodies: Bodies;
  /** Whether it sends empty lines, and a "." behind answers of one line. */
  readonly loose: boolean;
  readonly identity: { readonly cert: Buffer; readonly key: Buffer };
}

export class Server {
  #peer: Peer | null = null;
  #phase = 0;
  #read = 0;
  #empty = 8;
  /** The password that it was given, which it may repeat. */
  echo = "";

  constructor(
    readonly journal: Journal,
    readonly style: Style,
    readonly random: Random,
  ) {}

  async play(peer: Peer): Promise<void> {
    this.#peer = peer;
    if (peer.tls) this.journal.add("server", "secured");
    follow(peer, this.journal, "server");
    await this.#greet();
    for (;;) {
      const line = await this.#line();
      if (line === null || this.over) return;
      await this.#answer(line);
      if (this.over) return;
    }
  }

  /** Whether it says nothing more. */
  get over(): boolean {
    return this.journal.has("server", "half-closes", "resets", "closes");
  }

  /** Leaves without being asked to. */
  leave(): void {
    if (this.over) return;
    this.journal.add("server", "dirty");
    this.do("half-closes");
  }

  destroy(): void {
    this.#peer?.destroy();
  }

  dirty(): void {
    this.journal.add("server", "dirty");
  }

  do(deed: "half-closes" | "resets" | "closes"): void {
    if (this.over) return;
    this.journal.add("server", deed);
    if (deed === "half-closes") this.#peer?.end();
    else if (deed === "resets") this.#peer?.reset();
    else this.#peer?.destroy();
  }

  /** Writes octets, in segments or at once. */
  async write(octets: string, whole = false): Promise<void> {
    for (const segment of octets === "" ? [] : whole ? [octets] : this.random.segments(octets)) {
      if (this.over) return;
      this.journal.add("server", "wrote", segment);
      // A gateway that has stopped reading lets the write wait; the end of the play ends it.
      void this.#peer?.write(segment);
      if (!whole && this.random.chance(0.6)) await this.journal.rest("server", this.random.below(2));
    }
  }

  get end(): "\r\n" | "\n" {
    return this.style.ends === "both" ? this.random.pick(["\r\n", "\n"] as const) : this.style.ends;
  }

  status(word = this.random.chance(0.15) ? "-ERR" : "+OK"): string {
    const echo = word === "-ERR" && this.random.chance(0.2) ? ` ${this.echo}` : "";
    return `${word}${echo === "" ? statusText(this.random) : echo}`;
  }

  async #greet(): Promise<void> {
    const { random, style } = this;
    if (random.chance(style.dirty / 3) && (await misdeed(this, "greeting"))) return;
    const word = random.chance(0.05) ? "-ERR" : "+OK";
    const banner = style.loose && style.leg !== "starttls" && random.chance(0.2);
    const lines = Array.from({ length: banner ? 1 + random.below(5) : 0 }, () =>
      random.pick(["welcome", "* old banner", "+OK", "-ERR x"]),
    );
    // Lines that come later than the greeting itself may be taken for the answer to USER.
    await this.write([this.status(word), ...lines].map((line) => line + this.end).join(""), banner);
  }

  async #answer(line: string): Promise<void> {
    const { random, style } = this;
    const verb = line.split(" ")[0] ?? "";
    if (verb === "PASS") this.echo = line.slice(5);
    if (random.chance(style.dirty) && (await misdeed(this, verb))) return;
    const inClear = style.leg === "starttls" && this.#phase === 0;
    const loose = style.loose && !inClear;
    if (loose) await this.#emptyLines();
    if (verb === "STLS") return this.#secure();
    const end = this.end;
    if (inClear) {
      await this.write(`+OK${end}${capabilitiesOf(random, end, random.chance(0.97))}`);
    } else if (verb === "QUIT") {
      await this.#quit();
    } else {
      const status =
        verb === "USER" || verb === "PASS" ? this.status(random.chance(0.06) ? "-ERR" : "+OK") : this.status();
      const positive = status.startsWith("+OK");
      const body = positive ? this.#body(line, end) : "";
      const listing = ["RETR", "TOP", "LIST", "UIDL"].includes(verb) && body === "";
      const dot = loose && listing && random.chance(0.3) ? `.${this.end}` : "";
      await this.write(status + end + body + dot);
    }
    if (loose && !this.over && style.bodies !== "stored") await this.#emptyLines();
  }

  /** The body of a positive answer; "": it has none. */
  #body(line: string, end: "\r\n" | "\n"): string {
    const { random, style } = this;
    if (/^(?:RETR|TOP)/.test(line)) return bodyOf(random, style.bodies === "stored" ? "\r\n" : end, style.bodies);
    if (line === "CAPA") return capabilitiesOf(random, end, false);
    return line === "LIST" || line === "UIDL" ? listOf(random, end) : "";
  }

  async #quit(): Promise<void> {
    const { random } = this;
    const bare = random.chance(0.2);
    await this.write(this.status(random.chance(0.1) ? "-ERR" : "+OK") + (bare ? "" : this.end));
    if (bare || random.chance(0.5)) this.do("half-closes");
  }

  async #secure(): Promise<void> {
    const peer = this.#peer as Peer;
    await peer.upTo("STLS\r\n");
    await this.write(`+OK${this.end}`, true);
    await peer.acceptTls(this.style.identity);
    this.journal.add("server", "secured");
    this.#phase = this.#read;
    this.#read = 0;
    follow(peer, this.journal, "server");
  }

  async #emptyLines(): Promise<void> {
    if (!this.random.chance(0.15)) return;
    const count = Math.min(this.#empty, 1 + this.random.below(3));
    this.#empty -= count;
    await this.write(Array.from({ length: count }, () => this.end).join(""));
  }

  /** The next line; null: there is none. */
  async #line(): Promise<string | null> {
    const peer = this.#peer as Peer;
    const next = () => peer.heard.indexOf("\r\n", this.#read);
    const come = () =>
      next() >= 0 || this.over || this.journal.has("server", "ended") || this.journal.has("server", "stalls");
    while (!(await this.journal.until(come, 60_000)));
    const at = next();
    if (at < 0) return null;
    const line = peer.heard.slice(this.#read, at);
    this.#read = at + 2;
    return line;
  }
}
