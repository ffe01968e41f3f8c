/**
 * Virus scanning (the manual's section "Virus Scanning"): each mail is spooled, and scanned by clamd before the client
 * gets an octet of it. A mail without a verdict is refused, and stays on the server.
 *
 * Spooled first: a slow or hostile server would hold one of clamd's few threads.
 */

import { hostname } from "node:os";
import { network } from "../base/address";
import { isWithin } from "../base/cidr";
import { now } from "../base/clock";
import { inWords, reasonOf } from "../base/faults";
import { Slots } from "../base/slots";
import { timeLimit } from "../base/timelimit";
import { Abort, type Until } from "../base/until";
import type { Limits, ScanSettings } from "../config/settings";
import type { Connection } from "../connection/connection";
import type { Emit } from "../log/events";
import { Failure } from "../protocol/failure";
import { replies } from "../protocol/replies";
import { lastLineLength, Unstuffing } from "../protocol/unstuffing";
import type { Scan, ScannedMail, Scanner, Verdict } from "../session/scans";
import { Clamd, type ClamdAnswer } from "./clamd";
import { notice } from "./notice";
import { keep } from "./quarantine";
import { Spool } from "./spool";

/** Scans at once: clamd has ten threads, unless its MaxThreads says otherwise. */
const AT_ONCE = 8;

/** So much of a mail is searched for its header, in octets. */
const HEADER_BOUND = 64 * 1024;

/** Scans at once of one client: clamd may take minutes for a mail that is made for that, and others wait meanwhile. */
const OF_ONE = 6;

/** Where scans wait for their turn, for all sessions. */
export function scanSlots(): Slots {
  return new Slots(AT_ONCE, OF_ONE);
}

/** Counts scans. */
interface ScanCounter {
  scanned(verdict: "clean" | "infected" | "oversize" | "failed", seconds: number): void;
}

/** The scanner of one service. */
export class ClamdScanner implements Scanner {
  readonly #clamd: Clamd;

  constructor(
    private readonly settings: ScanSettings,
    private readonly limits: Limits,
    private readonly memory: { readonly scans: Slots; readonly counters?: ScanCounter | null },
    private readonly emit: Emit,
  ) {
    this.#clamd = new Clamd(settings.clamd, limits);
  }

  async ready(): Promise<void> {
    try {
      await this.#clamd.ping();
    } catch (thrown) {
      throw new Failure("gateway", "scanner", faultOf(this.#clamd, thrown), replies.scannerUnavailable);
    }
  }

  /** The version of clamd and of its signatures. @throws Error in words */
  version(): Promise<string> {
    return this.#clamd.version();
  }

  async begin(mail: ScannedMail, head: string): Promise<Scan> {
    const spool = new Spool();
    await spool.open();
    return new SpooledScan(spool, head.length + "\r\n".length, mail, {
      settings: this.settings,
      limit: this.limits.scan,
      scans: this.memory.scans,
      clamd: this.#clamd,
      emit: this.emit,
      counter: this.memory.counters ?? null,
      // Behind a webmail server are many people.
      who: ({ client, session }) => (isWithin(client, this.limits.exempt) ? session : network(client)),
    });
  }
}

/** What a scan needs of its scanner. */
interface Means {
  readonly settings: ScanSettings;
  /** How long a scan may take, with the wait for its turn, in milliseconds. */
  readonly limit: number;
  readonly scans: Slots;
  readonly clamd: Clamd;
  readonly emit: Emit;
  /** null: nobody counts. */
  readonly counter: ScanCounter | null;
  /** Whose turn it is that a mail waits for. */
  who(mail: ScannedMail): string;
}

/** One mail in its spool. */
class SpooledScan implements Scan {
  readonly encrypts = false;

  /** @param head how many octets come before the mail */
  constructor(
    private readonly spool: Spool,
    private readonly head: number,
    private readonly mail: ScannedMail,
    private readonly means: Means,
  ) {}

  send(octets: string | Buffer): void {
    this.spool.send(octets);
  }

  get empty(): boolean {
    return this.spool.empty;
  }

  emptied(): Promise<void> {
    return this.spool.emptied();
  }

  async verdict(until: Until): Promise<Verdict> {
    const { clamd, counter } = this.means;
    const { spool } = this;
    await spool.emptied();
    if (spool.fault) return refused("spool", `spool: ${inWords(spool.fault)}`, replies.noSpool);
    let answer: ClamdAnswer;
    const began = now();
    const count = (verdict: "failed" | ClamdAnswer["kind"]) => counter?.scanned(verdict, (now() - began) / 1000);
    try {
      answer = await this.#scanned(until);
      count(answer.kind);
    } catch (thrown) {
      until.throwIfAborted();
      count("failed");
      return refused("scanner", faultOf(clamd, thrown), replies.scannerUnavailable);
    }
    if (answer.kind === "clean") return { kind: "clean" };
    if (answer.kind === "infected") return this.#infected(answer.name);
    if (this.means.settings.oversize === "notify") return { kind: "withheld", notice: await this.#notice(null) };
    return refused("scan-size", "the mail is larger than clamd's StreamMaxLength", replies.scanSize);
  }

  async deliver(to: Connection): Promise<void> {
    for await (const chunk of this.spool.chunks(this.head, this.spool.size)) {
      if (to.hungUp) return;
      to.send(chunk);
      if (!to.empty) await to.emptied();
    }
  }

  close(): Promise<void> {
    return this.spool.close();
  }

  /** The answer of clamd, when it is this mail's turn. @throws Error in words; the reason of `until` */
  async #scanned(until: Until): Promise<ClamdAnswer> {
    const { clamd, scans, limit } = this.means;
    const over = new Abort();
    const giveUp = () => over.abort(until.reason);
    until.addEventListener("abort", giveUp);
    const endLimit = timeLimit(limit, () => over.abort(new Error("no answer in time")));
    try {
      until.throwIfAborted();
      const leave = await scans.take(over, this.means.who(this.mail));
      return await clamd.scan(this.#content(), over).finally(leave);
    } finally {
      endLimit();
      until.removeEventListener("abort", giveUp);
    }
  }

  async #infected(name: string): Promise<Verdict> {
    const { session, client, user, server } = this.mail;
    const origin = { session, client };
    this.means.emit("virus", { user, server, name }, origin);
    await this.#quarantine(name).catch((thrown: Error) => {
      this.means.emit("quarantineFailed", { code: "quarantine", reason: inWords(thrown) }, origin);
    });
    return { kind: "withheld", notice: await this.#notice(name) };
  }

  async #quarantine(virus: string): Promise<void> {
    const { quarantine } = this.means.settings;
    if (quarantine === undefined) return;
    const { client, user, server, command } = this.mail;
    const info = { time: new Date().toISOString(), client, user, server, command, virus };
    await keep(quarantine, this.#name, this.spool.size, this.#content(), info);
  }

  async #notice(virus: string | null): Promise<string> {
    const beginning = await this.spool.part(this.head, Math.min(this.head + HEADER_BOUND, this.spool.size));
    const [header = ""] = new Unstuffing()
      .next(beginning)
      .toString("latin1")
      .split(/(?<=^|\n)\r?\n/, 1);
    const host = hostname().replace(/[^A-Za-z0-9.-]/g, "-");
    const { user, server } = this.mail;
    return notice({ virus, header, user, server, host, date: new Date(), id: this.#name });
  }

  /** A name that no other mail has, on this machine. */
  get #name(): string {
    const { session, command } = this.mail;
    return `${session}.${command.replace(/[^A-Z0-9]+/g, "-")}`;
  }

  /** The mail as clamd gets it. */
  async *#content(): AsyncGenerator<Buffer> {
    const { spool, head } = this;
    const end = await spool.part(spool.size - 3, spool.size);
    const unstuffing = new Unstuffing();
    for await (const chunk of spool.chunks(head, spool.size - lastLineLength(end))) yield unstuffing.next(chunk);
  }
}

/** Why clamd is of no use, in words. */
function faultOf(clamd: Clamd, thrown: unknown): string {
  return `clamd at ${clamd.place}: ${reasonOf(thrown as Error)}`;
}

function refused(code: "spool" | "scanner" | "scan-size", reason: string, reply: string): Verdict {
  return { kind: "refused", code, reason, reply };
}
