/** One dialogue: a session between a client and a server that do as a seed has it, and what was wrong with it. */

import { setTimeout as pause, setImmediate as turn } from "node:timers/promises";
import { Random } from "../random";
import { person } from "./frames";
import { clientFault, serverFault, tracesOf } from "./judge";
import { readClient } from "./model";
import { planOf } from "./plan";
import { Server } from "./server";
import { Stage, type Terms, termsOf } from "./stage";
import { HANDSHAKE, Wire } from "./wire";

/** So many turns of the event loop in which nothing happens end a wait. */
const QUIET = 5;

/** The most limits of time that end one after the other, and how often one is awaited that is none of a connection. */
const LIMITS = 20;
const WAITS = 2000;

export interface Outcome {
  readonly faults: readonly string[];
  /** How far it came. */
  readonly reached: "nothing" | "credentials" | "server" | "login";
  /** The dialogue in words. */
  readonly told: () => string;
}

export async function play(seed: number): Promise<Outcome> {
  const random = new Random(seed).fork("auth");
  const terms = termsOf(random.fork("terms"));
  return new Play(random, terms, random.pick(["client", "client", "server", "both"])).run();
}

class Play {
  readonly #told: [who: string, octets: string][] = [];
  #happened = 0;
  #heard = "";
  #said = "";
  #over = false;
  #clientEnded = false;
  readonly #client = new Wire({
    heard: (octets) => {
      this.#heard += octets;
      this.#note("C<", octets);
    },
    ended: () => {
      if (!this.#clientEnded) this.#note("C<", "(ends)");
      this.#clientEnded = true;
    },
  });
  readonly #server: Server;
  readonly #stage: Stage;

  constructor(
    private readonly random: Random,
    private readonly terms: Terms,
    /** Who makes mistakes. */
    private readonly wrong: "client" | "server" | "both",
  ) {
    const nonsense = wrong === "client" ? 0 : random.pick([0.1, 0.3]);
    this.#server = new Server(
      random.fork("server"),
      () => this.#stage.wire as Wire,
      nonsense,
      () => turn(),
      (octets) => this.#note("        S>", octets),
    );
    this.#stage = new Stage(terms, this.#client, {
      heard: (octets) => {
        this.#note("        S<", octets);
        this.#server.hear(octets);
      },
      ended: () => this.#note("        S<", "(ends)"),
    });
  }

  async run(): Promise<Outcome> {
    const { random, terms } = this;
    const clean = this.wrong === "server";
    const who = person(random.fork("person"), clean && random.chance(0.3));
    const plan = planOf(random.fork("client"), who, terms.tls, clean);
    this.#stage.connected = () => this.#server.greet();
    const served = this.#stage.serve().then(() => {
      this.#over = true;
      this.#happened++;
    });
    await this.#quiet();
    for (const segment of plan.segments) {
      this.#said += segment;
      this.#note("C>", segment);
      this.#client.deliver(segment);
      if (plan.waits) await this.#quiet();
      else if (random.chance(0.5)) await turn();
    }
    if (plan.end !== "stays") this.#note("C>", `(${plan.end})`);
    // The handshake of a client is not over before it has heard the gateway's part of it.
    if (plan.end === "ends") await this.#quiet(() => handshakesIn(this.#heard) >= handshakesIn(this.#said));
    if (plan.end === "ends" || plan.end === "leaves") this.#client.finish(plan.end === "leaves");
    else if (plan.end === "resets") this.#client.reset();
    const faults = await this.#end();
    if (this.#over) await served;
    await this.#quiet();
    if (!this.#clientEnded) faults.push("the client's connection is not closed");
    this.#stage.close();
    faults.push(...this.#judge(plan.end, who.core));
    const { log, wire } = this.#stage;
    const login = log.some(({ event }) => event === "login");
    const reached = login ? "login" : wire ? "server" : this.#login ? "credentials" : "nothing";
    return { faults, reached, told: () => `${JSON.stringify(terms)}\n${this.#told.map(shown).join("\n")}` };
  }

  get #login() {
    return readClient(this.#said, true, this.terms).login;
  }

  #note(who: string, octets: string): void {
    this.#happened++;
    this.#told.push([who, octets]);
  }

  /** Waits until nothing happens any more. @param enough ends the wait sooner */
  async #quiet(enough = () => false): Promise<void> {
    for (let left = QUIET, last = this.#happened; left > 0 && !enough(); left--) {
      await turn();
      if (this.#happened !== last) left = QUIET;
      last = this.#happened;
    }
  }

  /** Lets every limit of time pass, until the session has ended. */
  async #end(): Promise<string[]> {
    let waits = 0;
    for (let limits = 0; limits < LIMITS; ) {
      await this.#quiet();
      if (this.#over) return [];
      if (this.#stage.expire()) limits++;
      else if (++waits > WAITS) return ["the session hangs, and there is no limit of time"];
      else await pause(1);
    }
    return [`the session goes on behind ${LIMITS} limits of time`];
  }

  #judge(end: string, core: string): string[] {
    const faults: (string | null)[] = [];
    const { terms } = this;
    const { log, wire } = this.#stage;
    const ended = end !== "stays";
    const reading = readClient(this.#said, ended, terms);
    const whole = end !== "resets" && end !== "leaves";
    faults.push(clientFault(this.#heard, reading, { whole, sane: this.wrong === "client" }));
    const closes = log.filter(({ event }) => event === "close").length;
    if (closes !== 1) faults.push(`${closes} closing lines`);
    if (log.some(({ fields }) => fields.blame === "gateway")) faults.push("a fault of the gateway");
    const expected = reading.login && this.#stage.expected(reading.login);
    if (wire) faults.push(serverFault(this.#server, expected, reading.rest));
    else if (expected && whole && this.#stage.surelyDials(reading.login)) faults.push("the server was not reached");
    const login = reading.login?.user ?? "";
    // A name may be in the log, and whatever stands behind a verb that has no secret.
    const open = `${login}\n${this.#said.match(/^(?!pass|auth)[a-z0-9]+ .*/gim)?.join("\n")}`;
    const shown = tracesOf(core).find((trace) => !open.includes(trace) && this.#stage.logged(trace));
    if (shown) faults.push(`the log has ${shown}: ${this.#stage.logged(shown)}`);
    const forged = log.find(({ line }) => !/^[ -~]*$/.test(line));
    if (forged) faults.push(`not one line: ${forged.line}`);
    const handshakes = handshakesIn(this.#heard);
    if (handshakes > 1) faults.push("TLS has begun twice");
    return faults.filter((fault) => fault !== null);
  }
}

function shown([who, octets]: [who: string, octets: string]): string {
  const text = octets.length > 400 ? `${octets.slice(0, 200)}[...${octets.length}...]${octets.slice(-100)}` : octets;
  return `${who} ${JSON.stringify(text)}`;
}

function handshakesIn(octets: string): number {
  return octets.split(HANDSHAKE).length - 1;
}
