/** Plays a client by its plan. */

import { Peer } from "../stage/peer";
import { follow } from "./follow";
import type { Journal } from "./journal";
import type { Plan, Step } from "./plan";
import type { Random } from "./random";

const BEGIN_TLS = "+OK begin TLS negotiation\r\n";

export class Client {
  #peer: Peer | null = null;
  #heard = 0;
  /** Answers, each of one line, that are still to come before the next one. */
  #late = 0;
  /** Writes that the system has not taken. */
  #unsent = 0;

  constructor(
    private readonly journal: Journal,
    private readonly plan: Plan,
    private readonly random: Random,
    /** How long it awaits an answer when nothing comes: its server may be at fault. */
    private readonly patience: number,
  ) {}

  async play(port: number, tls: boolean): Promise<void> {
    const peer = await Peer.connect(port);
    this.#peer = peer;
    if (tls && this.plan.handshake) {
      await peer.startTls({ servername: "localhost", rejectUnauthorized: false });
      this.journal.add("client", "secured");
    }
    follow(peer, this.journal, "client");
    await this.#awaitAnswer("NOOP");
    for (const step of this.plan.steps) {
      if (!(await this.#step(peer, step))) break;
    }
  }

  /** Leaves without being asked to. */
  leave(): void {
    if (this.journal.has("client", "closes", "resets")) return;
    this.journal.add("client", "closes");
    this.#peer?.destroy();
  }

  /** Reads to the end, if it has stopped reading. */
  listen(): void {
    this.#peer?.resume();
  }

  destroy(): void {
    this.#peer?.destroy();
  }

  async #step(peer: Peer, step: Step): Promise<boolean> {
    const { journal } = this;
    if (journal.has("client", "closes", "resets", "half-closes")) return false;
    if (step.does === "says") await this.#say(peer, step.lines, step.waits);
    else if (step.does === "adds") await this.#write(peer, step.octets);
    else if (step.does === "rests") await journal.rest("client", step.milliseconds);
    else if (step.does === "secures") return this.#secure(peer, step.behind);
    else if (step.does === "stops reading") peer.pause();
    else if (step.does === "reads") peer.resume();
    else {
      // What the system has not taken would be lost, and a gateway that does not read never lets it be taken.
      for (let count = 0; this.#unsent > 0 && count < 5; count++) await journal.rest("client", 4);
      if (journal.has("client", "closes")) return false;
      journal.add("client", step.does);
      if (step.does === "half-closes") peer.end();
      else if (step.does === "closes") peer.destroy();
      else peer.reset();
    }
    return true;
  }

  async #say(peer: Peer, lines: readonly string[], waits: boolean): Promise<void> {
    const ended = this.random.chance(0.1) ? "\n" : "\r\n";
    if (!waits) {
      await this.#write(peer, lines.map((line) => line + ended).join(""));
      return;
    }
    for (const line of lines) {
      await this.#write(peer, line + ended);
      await this.#awaitAnswer(line);
    }
  }

  async #write(peer: Peer, octets: string): Promise<void> {
    for (const segment of octets === "" ? [] : this.random.segments(octets)) {
      if (this.journal.has("client", "ended", "closes", "resets")) return;
      this.journal.add("client", "wrote", segment);
      this.#unsent++;
      void peer.write(segment).then(() => this.#unsent--);
      if (this.random.chance(0.6)) await this.journal.rest("client", this.random.below(2));
    }
  }

  async #secure(peer: Peer, behind: string): Promise<boolean> {
    peer.resume();
    await this.#write(peer, "STLS\r\n");
    if (behind !== "") {
      this.journal.add("client", "wrote", behind);
      await peer.write(behind);
    }
    try {
      await peer.upTo(BEGIN_TLS);
      // Behind other octets in clear no handshake is answered.
      const secured = peer.startTls({ servername: "localhost", rejectUnauthorized: false });
      if (behind === "") await secured;
      else await Promise.race([secured, this.journal.until(() => false, 100)]);
      if (!peer.version) return false;
    } catch (thrown) {
      if (behind === "" && !this.journal.has("client", "ended")) throw thrown;
      return false;
    }
    this.journal.add("client", "secured");
    this.#heard = 0;
    this.#late = 0;
    follow(peer, this.journal, "client");
    return true;
  }

  /** Waits for an answer as a client that reads lines does. */
  async #awaitAnswer(line: string): Promise<void> {
    const peer = this.#peer as Peer;
    const multi = /^(?:capa$|retr |top )|^(?:list|uidl) *$/i.test(line);
    const answered = () => {
      for (; this.#late > 0; this.#late--) {
        const end = answerEnd(peer.heard, this.#heard, false, this.plan.strict);
        if (end < 0) return this.journal.has("client", "ended");
        this.#heard = end;
      }
      const end = answerEnd(peer.heard, this.#heard, multi, this.plan.strict);
      if (end >= 0) this.#heard = end;
      return end >= 0 || this.journal.has("client", "ended");
    };
    // An empty first line may be the beginning of a PROXY header, and is answered when more comes.
    if (await this.journal.until(answered, line === "" ? 60 : this.patience)) return;
    if (line === "") this.#late++;
    else this.#heard = peer.heard.length;
  }
}

/** Where an answer ends; -1: it is not complete. */
function answerEnd(heard: string, from: number, multi: boolean, strict: boolean): number {
  const line = heard.indexOf("\n", from);
  if (line < 0 || !multi || !heard.startsWith("+OK", from)) return line < 0 ? -1 : line + 1;
  if (strict) {
    const end = heard.indexOf("\r\n.\r\n", line - 1);
    return end < 0 ? -1 : end + 5;
  }
  const end = /\n\.\r?\n/.exec(heard.slice(line));
  return end ? line + end.index + end[0].length : -1;
}
