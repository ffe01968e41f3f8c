/**
 * The thread that answers HTTP. It has an event loop of its own, so that no client of it, however many there are,
 * disturbs sessions of POP3; and it takes a share of a processor only (pace.ts).
 */

import { parentPort, workerData } from "node:worker_threads";
import { timeLimit } from "../base/timelimit";
import { exposition } from "./exposition";
import { StatusServer } from "./http";
import type { FromWorker, ToWorker, WorkerTerms } from "./messages";
import { keepPace } from "./pace";
import { PAGE_HEADERS, page } from "./page";
import type { Snapshot } from "./snapshot";
import { statusOf } from "./status";

/** How long the other thread may take to say what it is doing, in milliseconds. */
const PATIENCE = 2000;

/** A question to the other thread. */
class Inquiry<Answer> {
  readonly answered: Promise<Answer>;
  answer: (answer: Answer) => void = () => {};

  constructor() {
    this.answered = new Promise((resolve, reject) => {
      const late = () => reject(new Error("no answer in time"));
      const endLimit = timeLimit(PATIENCE, late);
      this.answer = (answer) => {
        endLimit();
        resolve(answer);
      };
    });
    this.answered.catch(() => {});
  }
}

function answerHttp(
  { host, port, token }: WorkerTerms,
  say: (message: FromWorker) => void,
): (message: ToWorker) => void {
  const asked: Inquiry<Snapshot>[] = [];
  let calls = 0;
  const ends = new Map<number, Inquiry<boolean>>();
  const server = new StatusServer(
    {
      snapshot() {
        const question = new Inquiry<Snapshot>();
        asked.push(question);
        say({ kind: "snapshot?" });
        return question.answered;
      },
      end(id) {
        const call = ++calls;
        const question = new Inquiry<boolean>();
        ends.set(call, question);
        say({ kind: "end", call, id });
        return question.answered.finally(() => ends.delete(call));
      },
      came: keepPace(() => server.connections > 0),
      texts: {
        "/": { type: "text/html; charset=utf-8", headers: PAGE_HEADERS, write: page },
        "/metrics": { type: "text/plain; version=0.0.4; charset=utf-8", write: exposition },
        "/status.json": { type: "application/json", write: (snapshot) => `${JSON.stringify(statusOf(snapshot))}\n` },
      },
    },
    token && Buffer.from(token),
  );
  server.listen(host, port).then(
    ({ address, port: open }) => say({ kind: "listening", host: address, port: open }),
    // What an error has besides its message is lost on the way to another thread.
    (fault: Error) => say({ kind: "fault", fault: { ...fault, message: fault.message } }),
  );
  return (message) => {
    if (message.kind === "snapshot") asked.shift()?.answer(message.snapshot);
    else if (message.kind === "ended") ends.get(message.call)?.answer(message.done);
    else if (message.kind === "token") server.token = message.token && Buffer.from(message.token);
    else server.forget();
  };
}

if (parentPort) {
  const port = parentPort;
  port.on(
    "message",
    answerHttp(workerData as WorkerTerms, (message) => port.postMessage(message)),
  );
}
