/** The HTTP thread, as the thread that serves clients of POP3 sees it: it answers that thread's questions. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { inWords } from "../base/faults";
import type { MetricsAddress } from "../config/settings";
import type { Emit } from "../log/events";
import type { FromWorker, ToWorker, WorkerTerms } from "./messages";
import type { Snapshot } from "./snapshot";

/** How long a thread that has ended stays away, in milliseconds. */
const PAUSE = 5000;

/** The most memory of the thread's heap, in MB. */
const HEAP = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 8 };

/** What the HTTP thread needs of the gateway. */
interface MetricsTerms {
  readonly address: MetricsAddress;
  /** The hash of the token; null: nobody may end a session. */
  readonly token: Buffer | null;
  snapshot(): Snapshot;
  /** Ends a session. @returns false: there is none with this id */
  end(id: string): boolean;
  readonly emit: Emit;
}

/** The HTTP server of --metrics, in a thread of its own. */
export class Metrics {
  readonly #terms: MetricsTerms;
  #token: Buffer | null;
  #worker: Worker | null = null;
  /** Where it listens: after a new start of the thread on the same port. */
  #address: MetricsAddress;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param pause how long a thread that has ended stays away, in milliseconds */
  constructor(
    terms: MetricsTerms,
    private readonly pause = PAUSE,
  ) {
    this.#terms = terms;
    this.#token = terms.token;
    this.#address = terms.address;
  }

  /** Starts the thread. @throws the system's error if it can't listen */
  open(): Promise<void> {
    return new Promise((resolve, reject) => {
      const workerData: WorkerTerms = { ...this.#address, token: this.#token };
      // Nothing of the environment: Node's own variables are for the process alone.
      const worker = new Worker(threadFile(), { workerData, env: {}, argv: [], execArgv: [], resourceLimits: HEAP });
      this.#worker = worker;
      let listening = false;
      worker.on("message", (message: FromWorker) => {
        if (message.kind === "listening") {
          listening = true;
          worker.unref();
          this.#address = { host: this.#address.host, port: message.port };
          this.#terms.emit("metrics", { interface: message.host, port: message.port });
          resolve();
        } else if (message.kind === "fault") {
          reject(Object.assign(new Error(message.fault.message), message.fault));
          void worker.terminate();
        } else this.#answer(message, (answer) => worker.postMessage(answer));
      });
      let fault: Error = new Error("the thread has ended");
      worker.on("error", (thrown: Error) => {
        fault = thrown;
      });
      worker.on("exit", () => {
        if (listening) this.#ended(fault);
        else reject(fault);
      });
    });
  }

  /** A new token. @param token its hash; null: nobody may end a session */
  set token(token: Buffer | null) {
    this.#token = token;
    this.#say({ kind: "token", token });
  }

  /** What was told before holds no longer: the gateway accepts no clients any more, say. */
  changed(): void {
    this.#say({ kind: "changed" });
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    await this.#worker?.terminate();
  }

  #say(message: ToWorker): void {
    this.#worker?.postMessage(message);
  }

  #answer(message: Exclude<FromWorker, { kind: "listening" | "fault" }>, say: (answer: ToWorker) => void): void {
    if (message.kind === "snapshot?") say({ kind: "snapshot", snapshot: this.#terms.snapshot() });
    else say({ kind: "ended", call: message.call, done: this.#terms.end(message.id) });
  }

  /** The thread has ended, by a fault in it: it is started anew, after a pause. */
  #ended(fault: Error): void {
    this.#worker = null;
    if (this.#closed) return;
    const { emit } = this.#terms;
    emit("metricsFailed", { code: "metrics", reason: inWords(fault) });
    const again = () => {
      if (!this.#closed) this.open().catch((thrown: Error) => this.#ended(thrown));
    };
    this.#retry = setTimeout(again, this.pause).unref();
  }
}

/** The thread's file: beside this one, or where the last step of the build has put it. */
function threadFile(): string {
  const own = join(__dirname, "worker.js");
  return existsSync(own) ? own : join(__dirname, "metricsworker.js");
}
