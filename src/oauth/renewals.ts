/** Starts the processes that renew tokens (renewal.ts), few at a time for each provider. */

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { reasonOf } from "../base/faults";
import { Slots } from "../base/slots";
import { timeLimit } from "../base/timelimit";
import { Abort, pause } from "../base/until";
import { inheritedEnvironment, type Starts } from "../process/children";
import { RENEWAL_MARK, type RenewalAnswer, type RenewalRequest } from "./renewal";

/** The most renewals of one provider at once. */
const AT_ONCE = 4;

/** How long one may take, with the wait for its turn, in milliseconds: discovery and one request, or another process. */
const PATIENCE = 75_000;

/** The longest answer, in octets. */
const ANSWER_BOUND = 64 * 1024;

/** What has come of a renewal, in a word. */
export const RENEWAL_RESULTS = ["success", "unstored", "expired", "refused", "unavailable", "store"] as const;

type RenewalResult = (typeof RENEWAL_RESULTS)[number];

/** The renewals of one provider. */
interface RenewalLine {
  readonly slots: Slots;
  /**
   * Ends when a renewal finds that the provider can't be asked: those that wait for their turn would find so, too, each
   * as late as the time limit has it, and most clients do not wait so long.
   */
  outage: Abort;
}

/** The renewals that run. */
export class Renewals {
  readonly #lines = new Map<string, RenewalLine>();

  /** @param renewed is told what has come of each */
  constructor(
    private readonly starts: Starts,
    private readonly renewed: (provider: string, result: RenewalResult) => void = () => {},
  ) {}

  /** Renews the tokens of an account. Never rejects. */
  async renew(request: RenewalRequest): Promise<RenewalAnswer> {
    const answer = await this.#renew(request);
    this.renewed(request.provider.name, wordOf(answer));
    return answer;
  }

  async #renew(request: RenewalRequest): Promise<RenewalAnswer> {
    const { name } = request.provider;
    const line = this.#lines.get(name) ?? { slots: new Slots(AT_ONCE), outage: new Abort() };
    this.#lines.set(name, line);
    const late = new Abort();
    const endLimit = timeLimit(PATIENCE, () => late.abort(new Error("no answer in time")));
    try {
      const give = await this.#turn(line, late);
      try {
        while (this.starts.wait > 0) await pause(this.starts.wait, late);
        const answer = await this.#run(request, late);
        if (answer.kind === "none" && answer.fault === "unavailable") endWaits(line, answer.why);
        return answer;
      } finally {
        give();
      }
    } catch (thrown) {
      return { kind: "none", fault: "unavailable", why: reasonOf(thrown as Error) };
    } finally {
      endLimit();
    }
  }

  /** Waits for a place of the line. @throws the reason of `late`; why the provider can't be asked */
  async #turn({ slots, outage }: RenewalLine, late: Abort): Promise<() => void> {
    const failed = () => late.abort(outage.reason);
    outage.addEventListener("abort", failed);
    try {
      return await slots.take(late);
    } finally {
      outage.removeEventListener("abort", failed);
    }
  }

  /** The process goes on when `late` ends: the new token must be stored. */
  #run(request: RenewalRequest, late: Abort): Promise<RenewalAnswer> {
    const env = { ...inheritedEnvironment(), [RENEWAL_MARK]: "1" };
    const program = programFile();
    // The gateway's own folder may be gone.
    const options = { cwd: "/", env, detached: true } as const;
    const start = () => spawn(process.execPath, [program], { ...options, stdio: ["pipe", "pipe", "ignore"] });
    return new Promise((resolve, reject) => {
      const unstarted = (fault: Error) => reject(new Error(`${process.execPath} does not start: ${reasonOf(fault)}`));
      let child: ChildProcess;
      try {
        child = this.starts.now(start);
      } catch (thrown) {
        return unstarted(thrown as Error);
      }
      let answer = "";
      const given = (status: number | null, signal: string | null) => {
        late.removeEventListener("abort", stop);
        try {
          resolve(JSON.parse(answer));
        } catch {
          const how = signal ?? `exit status ${status}`;
          reject(new Error(`the process of the renewal has ended without an answer, with ${how}`));
        }
      };
      const stop = () => {
        child.stdout?.destroy();
        child.unref();
        reject(late.reason as Error);
      };
      late.addEventListener("abort", stop);
      child.once("error", unstarted);
      child.once("close", given);
      child.stdin?.on("error", () => {}).end(JSON.stringify(request));
      child.stdout?.on("data", (chunk: Buffer) => {
        if (answer.length < ANSWER_BOUND) answer += chunk.toString("latin1");
      });
    });
  }
}

/** Who waits for a turn is answered, and the provider is asked again by the next one. */
function endWaits(line: RenewalLine, why: string): void {
  const { outage } = line;
  line.outage = new Abort();
  outage.abort(new Error(why));
}

function wordOf(answer: RenewalAnswer): RenewalResult {
  if (answer.kind === "none") return answer.fault;
  return answer.unstored === undefined ? "success" : "unstored";
}

/** The gateway's own program: in the pack it is beside this code, else above it. @throws Error in one line */
function programFile(): string {
  const file = [".", ".."].map((up) => join(__dirname, up, "main.js")).find((one) => existsSync(one));
  // Node without a program would run what it reads.
  if (file === undefined) throw new Error(`${__dirname}: the gateway's own program is not there any more`);
  return file;
}
